"""Workflows without a database: compile a text, start it, tell it things, look at its history.

What the database does to events on their way (JSON text in, ``jsonb`` out) is played by ``stored``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pgworker.dsl.compile import Compiled, compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.engine import events
from pgworker.engine.codec import encode
from pgworker.engine.commands import Command, commands
from pgworker.engine.decide import MAX_EVENTS, MAX_HISTORY, Record, decide, never
from pgworker.engine.decision import Decision
from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve, replay
from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    CloudEventArrived,
    Input,
    TimerDue,
)
from pgworker.engine.rewinding import Back, rewound
from pgworker.engine.state import State, Status
from pgworker.errors import DocumentError, Fault, FaultKind, Problem
from pgworker.plan.nodes import Plan
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

NOW = datetime(2024, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)
WORKFLOW_ID = "0190aaaa-0000-7000-8000-000000000001"
HEADER = "document: {dsl: '1.0.3', namespace: default, name: sample, version: 1.0.0}\n"
ERRORS = "https://serverlessworkflow.io/spec/1.0.0/errors/"


def compiled(text: str) -> Compiled:
    """The compiled text; the usual header is put before it unless it has one of its own."""
    return compile_document(
        load(text if re.search("^document:", text, re.MULTILINE) else HEADER + text, "sample.yaml")
    )


def plan_of(text: str) -> Plan:
    """The plan of a text."""
    return compiled(text).plan


def cloud_event(type_: str, data: JsonValue = None, **attributes: JsonValue) -> JsonObject:
    """A CloudEvent; its id tells its type and data, so that the same ones are the same event."""
    event = {"specversion": "1.0", "id": f"{type_} {json.dumps(data)}", "source": "/test", "type": type_}
    return {**event, **({} if data is None else {"data": data}), **attributes}


def problems_of(text: str | Document) -> tuple[Problem, ...]:
    """The problems for which a text is refused; none if it is not."""
    try:
        compile_document(text) if isinstance(text, Document) else compiled(text)
    except DocumentError as error:
        return error.problems
    return ()


def started(value: JsonValue = None, at: datetime = NOW) -> Event:
    """The first event of every history."""
    return Event(1, events.WORKFLOW_STARTED, None, {"input": {} if value is None else value}, at)


def stored(event: Event) -> Event:
    """The event as it comes back from the database."""
    data = canonical(json.loads(encode(event.data)))
    assert isinstance(data, dict)
    return event._replace(data=data)


@dataclass
class Play:
    """One workflow as it is played: its history so far and the state that deciding has led to."""

    plan: Plan
    state: State
    history: list[Event]
    now: datetime = NOW
    limit: int = MAX_EVENTS
    most: int = MAX_HISTORY
    enough: Callable[[], bool] = never
    encoded: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    """Everything that the world was asked to do, turn by turn."""
    examined: dict[int, int] = field(default_factory=dict)
    """How far each listen has looked."""
    position: int = 0
    """Of the CloudEvent that was told last."""
    back: Back | None = None
    """What it goes on from, once it is to be retried."""

    def befalls(self, type_: str, data: JsonObject | None = None) -> Play:
        """Somebody else adds an event, as the functions that steer a workflow do."""
        event = Event(len(self.history) + 1, type_, None, data or {}, self.now)
        self.history.append(event)
        evolve(self.state, event)
        return self

    def pauses(self) -> Play:
        """The workflow is paused."""
        return self.befalls(events.WORKFLOW_PAUSED)

    def resumes(self) -> Play:
        """The paused workflow is resumed, and goes on."""
        return self.befalls(events.WORKFLOW_RESUMED).tell()

    def is_retried(self, from_task: str | None = None) -> Play:
        """The workflow, which has failed, goes on."""
        self.befalls(events.WORKFLOW_RETRIED, {} if from_task is None else {"from_task": from_task})
        self.back = rewound(self.history)
        return self.tell()

    def tell(self, *inputs: Input, after: timedelta = timedelta(seconds=1)) -> Play:
        """Tells the workflow something, some time later, and lets it go on as far as it can."""
        self.now += after
        self.decide(*inputs)
        return self

    def decide(self, *inputs: Input, most: int = 100_000) -> None:
        """Decides until nothing can go on, or ``most`` events are there."""
        told: tuple[Input, ...] = inputs
        while True:
            record = self.step(*told)
            told = ()
            if not record.goes_on or len(self.history) >= most:
                return

    def step(self, *inputs: Input) -> Record:
        """One decision."""
        record = decide(
            WORKFLOW_ID,
            self.plan,
            self.state,
            self.now,
            inputs=inputs,
            back=self.back,
            max_events=self.limit,
            max_history=self.most,
            enough=self.enough,
        )
        self.back = None
        self.history += record.events
        self.encoded += record.encoded
        self.commands += commands(record.events)
        if isinstance(record, Decision):
            self.examined |= record.examined
        return record

    def returns(self, result: JsonValue, task: str | None = None) -> Play:
        """The activity that the workflow (or the task of that name) waits for returns."""
        return self.tell(ActivityCompleted(self.calling(task), result, 1, "token"))

    def fails(
        self, detail: str = "no answer", kind: FaultKind = FaultKind.COMMUNICATION, task: str | None = None
    ) -> Play:
        """The activity that the workflow (or the task of that name) waits for fails."""
        return self.tell(ActivityFailed(self.calling(task), Fault(kind, detail), 1, "token"))

    def fires(self, purpose: str = "wait") -> Play:
        """The one timer that is set for this purpose is due."""
        (timer,) = self.timers(purpose)
        return self.tell(TimerDue(timer))

    def receives(self, *cloud_events: JsonObject, task: str | None = None) -> Play:
        """The listen (of that name) is told of CloudEvents, all in one turn, whatever it listens for."""
        return self.tell(*self.letters(*cloud_events, task=task))

    def letters(self, *cloud_events: JsonObject, task: str | None = None) -> list[CloudEventArrived]:
        """What a listen is told of CloudEvents."""
        start, first = self.listening(task), self.position + 1
        self.position += len(cloud_events)
        return [
            CloudEventArrived(start, position, f"{event['source']} {event['id']}", event)
            for position, event in enumerate(cloud_events, first)
        ]

    def reports(
        self,
        status: Status | None,
        output: JsonValue = None,
        error: JsonObject | None = None,
        task: str | None = None,
    ) -> Play:
        """The workflow that was started (by the named task) tells how it is."""
        return self.tell(ChildReported(self.running(task), status, output, error))

    def is_cancelled(self) -> Play:
        """Whoever started this workflow does not wait for it any more."""
        return self.tell(CancelWanted())

    def listening(self, task: str | None = None) -> int:
        """The start of the one listen, or of that of the named task."""
        live = [*self.state.frames.values(), *self.state.activations.values()]
        (start,) = [
            one.start
            for one in live
            if one.listening is not None and (task is None or one.task.endswith(f"/{task}"))
        ]
        return start

    def running(self, task: str | None = None) -> int:
        """The start of the one task that started another workflow, or of that of this name."""
        (start,) = [
            one.start
            for one in self.state.activations.values()
            if one.child is not None and (task is None or one.task.endswith(f"/{task}"))
        ]
        return start

    def calling(self, task: str | None = None) -> int:
        """The start of the activity that the workflow waits for, or of that which the named task does."""
        (start,) = [
            key
            for key, activation in self.state.activations.items()
            if activation.activity is not None and (task is None or activation.task.endswith(f"/{task}"))
        ]
        return start

    def timers(self, purpose: str) -> list[int]:
        """The timers that are set for this purpose."""
        return [
            timer
            for timer, start in self.state.timers.items()
            if self.state.find(start).timers[timer] == purpose
        ]

    @property
    def status(self) -> Status:
        """Where the workflow stands."""
        return self.state.status

    @property
    def output(self) -> JsonValue:
        """The output of a workflow that has completed."""
        assert self.state.status is Status.COMPLETED, self.state.error or self.state.status
        return self.state.output

    @property
    def error(self) -> JsonObject:
        """The error of a workflow that has failed."""
        assert self.state.status is Status.FAILED, self.state.output
        assert self.state.error is not None
        return self.state.error

    @property
    def types(self) -> list[str]:
        """The types of all events."""
        return [event.type for event in self.history]

    @property
    def ran(self) -> list[str]:
        """The names of the tasks that ended one way or the other, in order."""
        ends = {events.TASK_COMPLETED, events.TASK_FAILED, events.TASK_SKIPPED}
        return [str(e.task).rsplit("/", 1)[1] for e in self.history if e.type in ends]

    def of(self, type_: str) -> list[Event]:
        """The events of one type."""
        return [event for event in self.history if event.type == type_]


def play(text: str | Plan, value: JsonValue = None, *, at: datetime = NOW, limit: int = MAX_EVENTS) -> Play:
    """Starts a workflow and lets it go on as far as it can."""
    one = begin(text, value, at=at, limit=limit)
    one.decide()
    return one


def begin(text: str | Plan, value: JsonValue = None, *, at: datetime = NOW, limit: int = MAX_EVENTS) -> Play:
    """A workflow that was started, and on which nothing was decided yet."""
    first = started(canonical(value), at)
    plan = plan_of(text) if isinstance(text, str) else text
    return Play(plan, replay([first]), [first], at, limit)


def resumed(one: Play, history: Iterable[Event], now: datetime | None = None) -> Play:
    """The same workflow in another process, which knows of it what the history says."""
    known = list(history)
    return replace(
        one, state=replay(known), history=known, now=now or one.now, encoded=[], commands=[], examined={}
    )


def error_kind(problem: JsonObject) -> str:
    """The short name of a standard error."""
    return str(problem["type"]).removeprefix(ERRORS)
