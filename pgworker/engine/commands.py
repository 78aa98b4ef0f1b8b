"""Commands: what the world must do, read off new events and nothing else.

Because this is the only place where jobs come from, history and queue cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from pgworker.engine import events
from pgworker.engine.events import Event, ended_jobs
from pgworker.types import JsonObject, JsonValue, Pointer


@dataclass(frozen=True, slots=True)
class Perform:
    """Perform the activity that the event ``start`` scheduled."""

    start: int
    task: Pointer
    activity: str
    arguments: JsonValue


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


Command: TypeAlias = Perform | FireTimer | Drop | Publish


def commands(new_events: Iterable[Event]) -> Iterator[Command]:
    """The commands that follow from the new events of one turn.

    Once a workflow has ended nothing new is to be done for it, but what it emitted is published.
    """
    new_events = list(new_events)
    yield from (_publish(event) for event in new_events if "emits" in event.data)
    void = {seq for event in new_events for seq in ended_jobs(event)}
    has_ended = any(event.type in events.TERMINAL for event in new_events)
    for event in () if has_ended else new_events:
        if event.seq in void:
            void.discard(event.seq)  # scheduled and void in the same turn: nobody need know
        elif event.type == events.TASK_STARTED:
            activity = event.data.get("activity")
            if isinstance(activity, str):
                yield Perform(event.seq, event.task or "", activity, event.data.get("arguments"))
        elif event.type in (events.TIMER_SET, events.TASK_RETRIED) and "due_at" in event.data:
            yield FireTimer(event.seq, datetime.fromisoformat(str(event.data["due_at"])))
    yield from (Drop(seq) for seq in sorted(void))


def _publish(event: Event) -> Publish:
    """The CloudEvent is the task's output, unless ``output.as`` made something else of it."""
    emitted = event.data["output"] if event.data["emits"] is True else event.data["emits"]
    assert isinstance(emitted, dict)
    return Publish(emitted)
