"""Commands: what the world must do, read off new events and nothing else.

Because this is the only place where jobs come from, history and queue cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from pgworker.engine import events
from pgworker.engine.events import Event, array, ended_jobs, integer, object_
from pgworker.types import JsonObject, JsonValue, Pointer


@dataclass(frozen=True, slots=True)
class Perform:
    """Perform the activity that the event ``start`` scheduled; ``data`` is that event's."""

    start: int
    task: Pointer
    data: JsonObject


@dataclass(frozen=True, slots=True)
class FireTimer:
    """Come back at ``due_at`` for the timer that the event ``timer`` set."""

    timer: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Drop:
    """The job that the event ``seq`` scheduled is void."""

    seq: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the CloudEvent that a task emitted."""

    cloud_event: JsonObject


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Tell the listen ``start`` of CloudEvents that have this value by this correlation."""

    start: int
    filter: int
    correlation: str
    type: str | None
    keys: list[JsonValue]
    value: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The listen ``start`` has ended."""

    start: int


@dataclass(frozen=True, slots=True)
class Consume:
    """The listen ``start`` has consumed a CloudEvent."""

    start: int
    event_id: str


@dataclass(frozen=True, slots=True)
class Return:
    """The workflow has gone back to before it consumed a CloudEvent."""

    event_id: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """The listen ``start`` is ready for another CloudEvent."""

    start: int


@dataclass(frozen=True, slots=True)
class StartChild:
    """Start another workflow for the activation ``start``; version None is the newest."""

    start: int
    child: str
    namespace: str
    name: str
    version: str | None
    input: JsonValue
    waits: bool


@dataclass(frozen=True, slots=True)
class CancelChild:
    """Have a workflow cancelled that was started here."""

    child: str


Command: TypeAlias = (
    Perform
    | FireTimer
    | Drop
    | Publish
    | Subscribe
    | Unsubscribe
    | Consume
    | Return
    | LookAgain
    | StartChild
    | CancelChild
)


def commands(new_events: Sequence[Event]) -> Iterator[Command]:
    """The commands that follow from the new events of one turn.

    Once a workflow has ended nothing new is to be done for it, but what it emitted is published, what it
    consumed is consumed, and what it started without waiting for it runs. What was begun and ended in one
    turn nobody need know.
    """
    yield from (_publish(event) for event in new_events if "emits" in event.data)
    for event in new_events:
        if event.type == events.WORKFLOW_REWOUND:
            yield from (Return(str(event_id)) for event_id in array(event.data["returned"]))
        elif event.type == events.EVENT_RECEIVED:
            yield Consume(event.start, str(event.data["received"]))
    ended = {event.start: event for event in new_events if event.data.keys() & {"ends_listen", "ends_child"}}
    begun = {e.start for e in new_events if e.type in (events.LISTEN_STARTED, events.CHILD_STARTED)}
    for start in ended.keys() - begun:
        yield from _end(ended[start])
    void = {seq for event in new_events for seq in ended_jobs(event)}
    over = any(event.type in events.TERMINAL for event in new_events)
    for event in new_events:
        if _runs_alone(event):
            yield _start_child(event)
        elif over or event.seq in void:
            continue
        elif event.type not in _ABOUT_OTHERS:
            yield from _schedule(event)
        elif event.start not in ended:
            yield from _address(event)
    yield from (Drop(seq) for seq in sorted(void - {event.seq for event in new_events}))


_ABOUT_OTHERS = frozenset({events.LISTEN_STARTED, events.ITERATION_COMPLETED, events.CHILD_STARTED})


def _schedule(event: Event) -> Iterable[Command]:
    """The jobs of the workflow itself."""
    if event.type == events.TASK_STARTED:
        activity = event.data.get("activity")
        if isinstance(activity, str):
            yield Perform(event.seq, event.task or "", event.data)
    elif event.type in (events.TIMER_SET, events.TASK_RETRIED) and "due_at" in event.data:
        yield FireTimer(event.seq, datetime.fromisoformat(str(event.data["due_at"])))


def _address(event: Event) -> Iterable[Command]:
    """What is asked of others: CloudEvents, and workflows."""
    data = event.data
    if event.type == events.LISTEN_STARTED:
        yield from (_subscribe(event.start, object_(wanted)) for wanted in array(data["subscriptions"]))
    elif event.type == events.ITERATION_COMPLETED:
        if data.get("kind") != "subscribe":  # a subscription asks for its next message itself
            yield LookAgain(event.start)
    else:
        yield _start_child(event)


def _runs_alone(event: Event) -> bool:
    """Whether the event starts a workflow that nobody waits for: whatever becomes of the one that did so."""
    return event.type == events.CHILD_STARTED and event.data.get("waits") is not True


def _start_child(event: Event) -> StartChild:
    data = event.data
    version = data.get("version")
    return StartChild(
        event.start,
        str(data["child"]),
        str(data["namespace"]),
        str(data["name"]),
        None if version is None else str(version),
        data.get("input"),
        data.get("waits") is True,
    )


def _subscribe(start: int, wanted: JsonObject) -> Subscribe:
    type_ = wanted.get("type")
    return Subscribe(
        start,
        integer(wanted["filter"]),
        str(wanted["correlation"]),
        None if type_ is None else str(type_),
        array(wanted["keys"]),
        str(wanted["value"]),
    )


def _end(event: Event) -> Iterable[Command]:
    if event.data.get("ends_listen") is True:
        yield Unsubscribe(event.start)
    if "ends_child" in event.data:
        yield CancelChild(str(event.data["ends_child"]))


def _publish(event: Event) -> Publish:
    """The CloudEvent is the task's output, unless ``output.as`` made something else of it."""
    return Publish(object_(event.data["output"] if event.data["emits"] is True else event.data["emits"]))
