"""A workflow as a test sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pgworker.engine import events
from pgworker.engine.events import Event, integer
from pgworker.engine.evolve import evolve
from pgworker.engine.inputs import Input
from pgworker.engine.rewinding import Back
from pgworker.engine.state import State, Status
from pgworker.plan.nodes import Plan
from pgworker.types import JsonObject, JsonValue, Pointer

if TYPE_CHECKING:
    from pgworker.testing.engine import Engine

_ENDS: Mapping[str, str] = {
    events.TASK_COMPLETED: "COMPLETED",
    events.TASK_FAILED: "FAILED",
    events.TASK_SKIPPED: "SKIPPED",
    events.TASK_CANCELLED: "CANCELLED",
}


@dataclass(slots=True)
class Life:
    """What the engine knows of a workflow."""

    id: str
    key: tuple[str, str, str]
    plan: Plan
    labels: JsonObject
    idempotency_key: str | None
    parent: tuple[str, int, bool] | None
    published_before: int
    state: State = field(default_factory=State)
    history: list[Event] = field(default_factory=list)
    told: list[Input] = field(default_factory=list)
    back: Back | None = None
    is_taken_up: bool = False

    def append(self, type_: str, data: JsonValue, now: datetime) -> Event:
        """Adds an event that others have made."""
        # what others than the engine append may be any value, and nobody looks into it
        event = Event(len(self.history) + 1, type_, None, cast("JsonObject", data), now)
        self.history.append(event)
        evolve(self.state, event)
        return event


class StatusText(str):
    """A status as a text, which knows whose it is: a comparison that fails can show the history."""

    __slots__ = ("workflow",)
    workflow: Workflow

    @classmethod
    def of(cls, status: Status, workflow: Workflow) -> StatusText:
        """The status of a workflow."""
        text = cls(status.value)
        text.workflow = workflow
        return text


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One time that a task ran, is running or was skipped; ``task`` is its JSON Pointer."""

    task: Pointer
    name: str
    kind: str
    status: str
    iteration: int | None
    error: JsonObject | None
    started_at: datetime
    ended_at: datetime | None


class Workflow:
    """A workflow of an ``Engine``. It is looked at, and steered, from outside."""

    def __init__(self, engine: Engine, life: Life) -> None:
        self._engine = engine
        self._life = life

    @property
    def id(self) -> str:
        """Its id."""
        return self._life.id

    @property
    def name(self) -> str:
        """The name of its definition."""
        return self._life.key[1]

    @property
    def status(self) -> str:
        """PENDING, RUNNING, PAUSED, COMPLETED, FAILED or CANCELLED."""
        life = self._life
        pending = life.state.status is Status.RUNNING and not life.is_taken_up
        return StatusText.of(Status.PENDING if pending else life.state.status, self)

    @property
    def input(self) -> JsonValue:
        """The input as it was given."""
        return deepcopy(self._life.history[0].data["input"])

    @property
    def output(self) -> JsonValue:
        """The output of a COMPLETED workflow; None of another."""
        return deepcopy(self._life.state.output) if self._life.state.status is Status.COMPLETED else None

    @property
    def error(self) -> JsonObject | None:
        """The problem object of a workflow that is FAILED or CANCELLED."""
        return deepcopy(self._life.state.error)

    @property
    def labels(self) -> JsonObject:
        """The labels that it was started with."""
        return self._life.labels

    @property
    def history(self) -> Sequence[Event]:
        """Everything that happened to it, in order."""
        return tuple(self._life.history)

    @property
    def tasks(self) -> Sequence[TaskRun]:
        """Each time that a task ran, is running or was skipped, in the order in which they began."""
        return _task_runs(self._life.history, is_over=self._life.state.status.is_terminal)

    def task(self, name: str) -> TaskRun:
        """The last time that a task ran, by its name or JSON Pointer; raises ``LookupError``."""
        runs = self.runs_of(name)
        if not runs:
            raise LookupError(f"no task {name!r} has run; {self.names()}")
        return runs[-1]

    def names(self) -> str:
        """Which tasks have run, for whoever has asked for another."""
        return f"those that have: {', '.join(dict.fromkeys(run.name for run in self.tasks)) or 'none'}"

    def runs_of(self, name: str) -> Sequence[TaskRun]:
        """Each time that a task ran, by its name or JSON Pointer; nothing if it did not."""
        return [run for run in self.tasks if name in (run.name, run.task)]

    @property
    def children(self) -> Sequence[Workflow]:
        """The workflows that it has started."""
        return self._engine.children_of(self.id)

    def append_event(self, type: str, data: JsonValue = None) -> int:
        """Appends an event to its history and returns the number; raises as ``Engine.append_event``."""
        return self._engine.append_event(self.id, type, data)

    def cancel(self, reason: str | None = None) -> bool:
        """Cancels it; false if it has ended."""
        return self._engine.cancel(self.id, reason)

    def pause(self) -> bool:
        """Pauses it; false if it has ended or is paused."""
        return self._engine.pause(self.id)

    def resume(self) -> bool:
        """Lets it go on; false if it is not paused."""
        return self._engine.resume(self.id)

    def retry(self, from_task: str | None = None) -> bool:
        """Lets it go on from the task that failed, or another; false if it is not FAILED."""
        return self._engine.retry(self.id, from_task)

    def describe(self) -> str:
        """Its history as a table, to be read."""
        began = self._life.history[0].at
        lines = [f"{self.name} is {self.status}" + (f": {self.error}" if self.error else "")]
        lines += [
            f"{event.seq:>5}  +{(event.at - began).total_seconds():<9g} {event.type:<20}"
            f" {event.task or '':<30} {_brief(event)}".rstrip()
            for event in self._life.history
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Workflow {self.name} {self.id}: {self.status}>"


def _gist(data: JsonObject) -> JsonValue:
    return data.get("error", data.get("output", data.get("arguments")))


def _brief(event: Event) -> str:
    told = _gist(event.data) if events.is_own(event.type) else event.data
    text = "" if told is None else str(told)
    return text if len(text) < 100 else f"{text[:97]}..."


def _task_runs(history: Sequence[Event], *, is_over: bool) -> Sequence[TaskRun]:
    begun: dict[int, Event] = {}
    ended: dict[int, Event] = {}
    for event in history:
        if event.type == events.TASK_STARTED:
            begun[event.seq] = event
        elif event.type in _ENDS:
            start = event.start if "start" in event.data else event.seq
            begun.setdefault(start, event)
            ended[start] = event
        elif event.type == events.WORKFLOW_REWOUND:
            to = integer(event.data["to"])
            # what had begun by then goes on
            ended = {start: end for start, end in ended.items() if not start <= to < end.seq}
    runs = []
    for start in sorted(begun):
        end = ended.get(start)
        if end is not None:
            runs.append(_task_run(begun[start], end, _ENDS[end.type], end.at))
        elif is_over:
            runs.append(_task_run(begun[start], begun[start], "CANCELLED", history[-1].at))
        else:
            runs.append(_task_run(begun[start], begun[start], "RUNNING", None))
    return runs


def _task_run(begun: Event, last: Event, status: str, ended_at: datetime | None) -> TaskRun:
    pointer = last.task or ""
    iteration, error = begun.data.get("iteration", last.data.get("iteration")), last.data.get("error")
    return TaskRun(
        task=pointer,
        name=pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~"),
        kind=str(begun.data.get("kind", last.data.get("kind", ""))),
        status=status,
        iteration=iteration if isinstance(iteration, int) else None,
        error=error if isinstance(error, dict) else None,
        started_at=begun.at,
        ended_at=ended_at,
    )
