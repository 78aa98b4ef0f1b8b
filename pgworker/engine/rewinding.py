"""Rewinding: where a workflow that failed, and is retried, goes on from.

It goes back to a point at which nothing ran side by side and nothing was under way: the workflow's list, or
lists inside lists, with one task to come. So a task inside a fork begins again with the whole fork.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgworker.engine import events
from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve, replay
from pgworker.engine.state import ROOT, Frame, State, Status
from pgworker.types import JsonValue, child_pointer

_IN_SEQUENCE = frozenset({"workflow", "do", "for", "try", "call"})
"""Frames that have one list, whose tasks run one after the other."""

_OF_ONE_EVENT = frozenset({events.TASK_COMPLETED, events.TASK_FAILED, events.TASK_SKIPPED})
"""Tasks that begin and end in one turn are one of these, without a start."""

_FAILURES = frozenset({events.TASK_FAILED, events.EXTENSION_FAILED, events.BRANCH_FAILED})


@dataclass(frozen=True, slots=True)
class Back:
    """What a workflow goes back to: a state, whose seq says when things stood so.

    ``returned`` are our ids of the CloudEvents that it had consumed since then.
    """

    state: State
    returned: list[JsonValue]


def rewound(history: Sequence[Event]) -> Back:
    """What a workflow goes back to in whose history ``workflow.retried`` came last, but for others' events.

    What was limited in time is not any more: the limits had timers, which are gone.
    """
    place = max(n for n, event in enumerate(history) if event.type == events.WORKFLOW_RETRIED)
    before, retried = history[:place], history[place]
    wanted = retried.data.get("from_task")
    latest = _start_of_failed(before) if wanted is None else _start_of(before, str(wanted))
    state = replay(before[: _last_quiet(before, latest)])
    state.timers.clear()
    state.frames[ROOT].timers.clear()
    undone = before[state.seq :]
    return Back(state, [event.data["received"] for event in undone if event.type == events.EVENT_RECEIVED])


def _start_of_failed(history: Sequence[Event]) -> int:
    """The event with which the innermost task began whose error became the workflow's."""
    error = history[-1].data.get("error")
    frame, begun = ROOT, history[-1].seq
    for event in reversed(history):
        if event.type in _FAILURES and event.frame == frame and event.data.get("error") == error:
            start = event.data.get("start")
            begun = start if isinstance(start, int) else event.seq
            if not isinstance(start, int):
                break
            frame = start
    return begun


def _start_of(history: Sequence[Event], wanted: str) -> int:
    """The event with which a task, by its pointer or name, last began."""
    name = child_pointer("", wanted)
    for event in reversed(history):
        task = event.task or ""
        if event.type.startswith("task.") and (task == wanted or task.endswith(name)):
            start = event.data.get("start")
            return start if isinstance(start, int) else event.seq
    return history[-1].seq


def _last_quiet(history: Sequence[Event], latest: int) -> int:
    """How many events there were when, up to ``latest``, a task last began with nothing beside it."""
    state = State()
    quiet = 1
    for event in history[:latest]:
        if _begins_task(event) and _is_quiet(state):
            quiet = state.seq
        evolve(state, event)
    return quiet


def _begins_task(event: Event) -> bool:
    return event.type == events.TASK_STARTED or (event.type in _OF_ONE_EVENT and "start" not in event.data)


def _is_quiet(state: State) -> bool:
    return (
        state.status is Status.RUNNING
        and state.retrying is None
        and not state.ending
        and not state.activations
        and len(state.ready) == 1
        and all(_is_in_sequence(frame) for frame in state.frames.values())
    )


def _is_in_sequence(frame: Frame) -> bool:
    limited = frame.timers and frame.start != ROOT
    return frame.opens in _IN_SEQUENCE and frame.error is None and frame.extended is None and not limited
