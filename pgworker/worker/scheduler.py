"""The scheduler: which workflows schedules start now, and when they want to be looked after again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pgworker.engine.commands import Subscribe
from pgworker.engine.triggering import subscriptions, trigger
from pgworker.errors import DocumentError, ValueRefused
from pgworker.plan.schedule import Schedule
from pgworker.store.rounds import DueSchedule, Settlement
from pgworker.telemetry import log
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical
from pgworker.worker.plans import Entry, Incomplete, PlanCache


class Scheduler:
    """Settles schedules by their definitions. It acts on nothing itself."""

    def __init__(self) -> None:
        self._plans = PlanCache()

    def settle(self, due: DueSchedule, definition: JsonObject) -> tuple[Settlement, Sequence[Subscribe]]:
        """Where a schedule stands from now on, and what it begins to listen for."""
        plan = self._plan(due, definition)
        if isinstance(plan, Incomplete):
            plan = plan.plan
        if isinstance(plan, DocumentError):
            log.error("a schedule cannot run", schedule=f"{due.namespace}/{due.name}", reason=plan.message)
            return Settlement(problem=plan.message), ()
        schedule = plan.schedule
        if schedule is None:
            return Settlement(problem="the definition has no schedule"), ()
        if schedule.on is not None:
            triggered = trigger(schedule.on, schedule.read, due.listens, due.mail)
            starts, problem = _startable(due, triggered.inputs)
            settlement = Settlement(
                starts=starts,
                listens=triggered.listens,
                consumed=triggered.consumed,
                seen=triggered.seen,
                problem=problem,
            )
            return settlement, () if due.subscribed else subscriptions(schedule.on)
        return _by_time(schedule, due), ()

    def _plan(self, due: DueSchedule, definition: JsonObject) -> Entry:
        key = (due.namespace, due.name, due.version)
        return self._plans.get(key) if not self._plans.missing({key}) else self._plans.add(key, definition)


def _startable(due: DueSchedule, inputs: Sequence[list[JsonValue]]) -> tuple[Sequence[JsonValue], str | None]:
    """The inputs that the database takes, and what is wrong with the others.

    A CloudEvent may be nested as deeply as a value may be, and its array is deeper. Left to the database,
    which refuses it, one such input would break off the rounds of all schedules, again and again.
    """
    starts: list[JsonValue] = []
    problem: str | None = None
    for value in inputs:
        try:
            starts.append(canonical(value))
        except ValueRefused as error:
            problem = f"a workflow was not started, because its input is no good: {error.message}"
            log.error("a schedule cannot start", schedule=f"{due.namespace}/{due.name}", reason=problem)
    return starts, problem


def _by_time(schedule: Schedule, due: DueSchedule) -> Settlement:
    """Starts a workflow if its time has come, and finds the next time."""
    next_at = due.next_at or _first(schedule, due)
    if next_at is None or next_at > due.now:
        return Settlement(next_at=next_at)
    following = None if schedule.after is not None else schedule.next_after(next_at, due.now)
    return Settlement(next_at=following, starts=[{}], due_at=next_at)


def _first(schedule: Schedule, due: DueSchedule) -> datetime | None:
    """When it is due that has no time yet; None as long as the workflow before has not ended."""
    if schedule.after is None:
        return schedule.next_after(due.created_at, due.now)
    if due.last_workflow_id is None:
        return due.now  # somebody has to be the first
    return None if due.last_ended_at is None else schedule.next_after(due.last_ended_at, due.now)
