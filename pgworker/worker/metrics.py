"""Metrics: what a worker does, counted as Prometheus reads it (extra ``metrics``)."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pgworker.activities.hosts import CircuitState
from pgworker.engine import events
from pgworker.engine.events import Event
from pgworker.engine.inputs import Outcome
from pgworker.worker.breaker import Breaker, BreakerState
from pgworker.worker.performances import Performance
from pgworker.worker.witness import Made

_OF_WORKFLOWS: Final = {
    events.WORKFLOW_COMPLETED: "completed",
    events.WORKFLOW_FAILED: "faulted",
    events.WORKFLOW_CANCELLED: "cancelled",
}
_OF_TASKS: Final = {
    events.TASK_STARTED: "started",
    events.TASK_COMPLETED: "completed",
    events.TASK_FAILED: "faulted",
    events.TASK_RETRIED: "retried",
    events.TASK_CANCELLED: "cancelled",
    events.TASK_SKIPPED: "skipped",
}
_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3600, 86_400)


class Metrics:
    """Counts for one engine process, beginning at its start.

    A task that starts and ends in one turn without waiting counts as completed (or failed) only, as it has
    one event in history.
    """

    def __init__(
        self,
        slots: Callable[[], tuple[int, int]],
        circuits: Callable[[], Mapping[str, CircuitState]],
        breaker: Breaker,
    ) -> None:
        """``slots`` gives how many activities run, and how many more could be begun.

        ``circuits`` gives the states of the circuits of hosts; ``breaker`` is that of the database.
        """
        self.registry = CollectorRegistry()
        self._slots = slots
        workflow, task = ["workflow"], ["workflow", "task", "type"]
        self._started = self._counter("workflow_started", "Workflows taken up for the first time.", workflow)
        self._workflows = {
            end: self._counter(f"workflow_{end}", f"Workflows that ended so: {end}.", workflow)
            for end in _OF_WORKFLOWS.values()
        }
        self._duration = Histogram(
            "pgworker_workflow_duration_seconds",
            "From when a workflow was taken up to its end.",
            workflow,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._tasks = {
            what: self._counter(f"task_{what}", f"Tasks to which this happened: {what}.", task)
            for what in _OF_TASKS.values()
        }
        self._events = self._counter("events_appended", "Events written to histories.")
        self._batch = Histogram(
            "pgworker_claim_batch_size",
            "Workflows in one turn.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 1000),
            registry=self.registry,
        )
        self._lost = self._counter("lease_lost", "Activities that were ended, as their lease was gone.")
        self._notified = self._counter("notify_received", "Notifications of the database.")
        running = Gauge("pgworker_worker_slots", "Slots for activities.", ["state"], registry=self.registry)
        running.labels("used").set_function(lambda: self._slots()[0])
        running.labels("free").set_function(lambda: self._slots()[1])
        states = Gauge(
            "pgworker_circuits",
            "Hosts that failed, by their circuits.",
            ["state"],
            registry=self.registry,
        )
        for state in get_args(CircuitState):
            states.labels(state).set_function(partial(_count, circuits, state))
        self._show(breaker)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self.registry)

    def committed(self, made: Sequence[Made]) -> None:
        """Counts a turn."""
        self._batch.observe(len(made))
        tally: Tally[tuple[Counter, tuple[str, ...]]] = Tally()
        for one in made:
            self._events.inc(len(one.events))
            if one.claim.last_seq == 1:
                tally[self._started, (_name(one),)] += 1
            for event in one.events:
                self._take(one, event, tally)
        for (counter, labels), count in tally.items():
            counter.labels(*labels).inc(count)

    def attempted(self, performance: Performance, began: datetime, ended: datetime, outcome: Outcome) -> None:
        """Counts nothing: the task's end comes with its turn."""

    def notified(self) -> None:
        """Counts a notification."""
        self._notified.inc()

    def lease_lost(self) -> None:
        """Counts a lease."""
        self._lost.inc()

    def _show(self, breaker: Breaker) -> None:
        states = Gauge(
            "pgworker_database_breaker",
            "1 for what the breaker around the database is, 0 for what it is not.",
            ["state"],
            registry=self.registry,
        )
        for state in get_args(BreakerState):
            states.labels(state).set_function(partial(_is, breaker, state))
        since = Gauge(
            "pgworker_database_breaker_since_seconds",
            "When it became that, as Unix time.",
            registry=self.registry,
        )
        since.set_function(partial(_since, breaker))
        failures = Gauge(
            "pgworker_database_failures",
            "Tries to have a session, and sessions, that failed in a row.",
            registry=self.registry,
        )
        failures.set_function(partial(_failures, breaker))

    def _take(self, one: Made, event: Event, tally: Tally[tuple[Counter, tuple[str, ...]]]) -> None:
        if (what := _OF_TASKS.get(event.type)) is not None and event.task is not None:
            node = None if one.plan is None else one.plan.nodes.get(event.task)
            kind = "" if node is None else node.kind
            tally[self._tasks[what], (_name(one), event.task, kind)] += 1
        elif (end := _OF_WORKFLOWS.get(event.type)) is not None:
            tally[self._workflows[end], (_name(one),)] += 1
            if one.started_at is not None:
                self._duration.labels(_name(one)).observe((event.at - one.started_at).total_seconds())

    def _counter(self, name: str, help_: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"pgworker_{name}", help_, labels, registry=self.registry)


def _is(breaker: Breaker, state: BreakerState) -> bool:
    return breaker.state == state


def _since(breaker: Breaker) -> float:
    return breaker.since.timestamp()


def _failures(breaker: Breaker) -> int:
    return breaker.failures


def _count(circuits: Callable[[], Mapping[str, CircuitState]], state: CircuitState) -> int:
    return sum(one == state for one in circuits().values())


def _name(one: Made) -> str:
    return f"{one.claim.namespace}/{one.claim.name}"
