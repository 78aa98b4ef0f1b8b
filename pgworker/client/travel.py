"""Time travel: how a workflow stood after an event, and what the next event changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve
from pgworker.engine.state import Activation, Frame, State
from pgworker.errors import NotFound
from pgworker.store.database import Database
from pgworker.store.inspection import Inspection
from pgworker.types import JsonObject, JsonValue, Pointer, child_pointer


@dataclass(frozen=True, slots=True)
class Change:
    """What an event changed: where (a JSON Pointer into ``Moment.state``), and from what to what.

    What was not there before, or is not there any more, is None.
    """

    where: Pointer
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True, slots=True)
class Moment:
    """How a workflow stood after the event ``seq``.

    ``state`` has the status, the input, the context, the data that the next task of the workflow's own list
    gets, the output or error, and what is ``open``: by its JSON Pointer and its event, each task that has
    begun and not ended, with what it waits for. ``next`` is the event that came then, ``changes`` what it
    changed; None and nothing for the newest.
    """

    seq: int
    at: datetime
    state: JsonObject
    next: Event | None
    changes: tuple[Change, ...]


async def moment(database: Database, workflow_id: str, at: int | None = None) -> Moment:
    """How a workflow stood after an event, by default the newest; raises ``NotFound``."""
    state = State()
    last: Event | None = None
    async with aclosing(_events(database, workflow_id)) as history:
        async for event in history:
            if last is not None and last.seq == at:
                before = described(state)
                evolve(state, event)
                return Moment(last.seq, last.at, before, event, tuple(changes(before, described(state))))
            evolve(state, event)
            last = event
    if last is None:
        raise NotFound(f"there is no workflow {workflow_id}")
    if at not in (None, last.seq):
        raise NotFound(f"the workflow {workflow_id} has no event {at}")
    return Moment(last.seq, last.at, described(state), None, ())


def described(state: State) -> JsonObject:
    """A state as people read it."""
    root = state.frames.get(0)
    live = [one for one in [*state.frames.values(), *state.activations.values()] if one.start]
    return {
        "status": state.status.value,
        "input": state.input,
        "context": state.context,
        "data": None if root is None else root.data,
        "output": state.output,
        "error": state.error,
        "open": {f"{one.task} ({one.start})": _open(one) for one in live},
    }


def changes(before: JsonValue, after: JsonValue, where: Pointer = "") -> Iterator[Change]:
    """Where two values differ, member by member.

    >>> list(changes({"a": 1, "b": 2}, {"a": 1, "b": 3}))
    [Change(where='/b', before=2, after=3)]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from changes(before.get(key), after.get(key), child_pointer(where, key))
    elif before != after:
        yield Change(where, before, after)


def _open(one: Activation) -> JsonObject:
    told: JsonObject = {"since": one.started_at.isoformat(), "input": one.input}
    if one.activity is not None:
        told["activity"] = one.activity
    if one.timers:
        told["timers"] = [*sorted(one.timers.values())]
    if one.listening is not None:
        told["received"] = list(one.listening.items)
    if one.child is not None:
        told["child"] = one.child
    if isinstance(one, Frame):
        told["data"] = one.data
    return told


async def _events(database: Database, workflow_id: str) -> AsyncGenerator[Event, None]:
    async with Inspection(database).only(workflow_id) as stretch:
        async for _, event in stretch.events():
            yield event
