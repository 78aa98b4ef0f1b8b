"""What the events of composite tasks do to the state: loops, tries, forks, extensions."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.engine import events
from pgworker.engine.events import Event, array, integer
from pgworker.engine.fold_waits import set_timer
from pgworker.engine.state import HANDLING, RECEIVING, BranchEnd, Frame, State, subscribes


def _iteration_started(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    frame.index = integer(event.data["index"])
    frame.begun = False
    if frame.listening is not None:
        frame.section = RECEIVING if subscribes(frame) else frame.section
        _restart(frame)


def _message_received(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    assert frame.listening is not None
    frame.listening.items += array(frame.data)
    frame.section = HANDLING
    _restart(frame)


def _task_retried(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    _begin_anew(frame, "try")
    frame.attempt = integer(event.data["attempt"])
    if "due_at" in event.data:
        set_timer(state, event, "retry")
        del state.ready[frame.start]


def _error_caught(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    frame.caught = frame.error
    _begin_anew(frame, "catch/do")


def _begin_anew(frame: Frame, section: str) -> None:
    """Runs a list of the frame from its first task, on the frame's own input."""
    frame.section = section
    frame.error = None
    _restart(frame)


def _restart(frame: Frame) -> None:
    frame.begun = False
    frame.next = None
    frame.data = frame.input
    frame.data_origin = frame.input_origin


def _branch_started(state: State, event: Event) -> None:
    fork = state.frames[event.start]
    index = integer(event.data["index"])
    names = fork.branches or []
    state.open(
        Frame(
            task=fork.task,
            start=event.seq,
            parent=fork.start,
            raw=fork.input,
            origin=fork.data_origin,
            input=fork.input,
            started_at=event.at,
            opens="branch",
            begun=True,
            next=names[index],
            data=fork.data,
            data_origin=fork.data_origin,
            index=index,
            section="fork/branches",
            holder=event.seq,
            context=state.context_in(fork),
        )
    )
    state.ready[event.seq] = None
    fork.index = index
    if index == len(names) - 1:
        del state.ready[fork.start]


def _branch_ended(state: State, event: Event) -> None:
    branch = state.frames[event.start]
    state.close(branch.start)
    fork = state.frames[branch.parent]
    fork.ended[branch.index] = BranchEnd(
        branch.data, branch.data_origin, branch.context, branch.exported, branch.error
    )
    if event.data.get("settles") is True:
        fork.data, fork.data_origin, fork.error = branch.data, branch.data_origin, branch.error
        state.go_first(fork.start)  # no other branch goes on once one has settled the fork


def _branch_cancelled(state: State, event: Event) -> None:
    state.close(event.start)


def _extension_entered(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    extended = frame.extended
    assert extended is not None
    if not frame.section:  # the task itself has come to its end: what follows runs on its output
        frame.input, frame.input_origin = frame.data, frame.data_origin
    frame.index = integer(event.data["index"])
    frame.section = extended.phases[frame.index]
    _restart(frame)


CHANGES: dict[str, Callable[[State, Event], None]] = {
    events.ITERATION_STARTED: _iteration_started,
    events.MESSAGE_RECEIVED: _message_received,
    events.TASK_RETRIED: _task_retried,
    events.ERROR_CAUGHT: _error_caught,
    events.BRANCH_STARTED: _branch_started,
    events.BRANCH_COMPLETED: _branch_ended,
    events.BRANCH_FAILED: _branch_ended,
    events.BRANCH_CANCELLED: _branch_cancelled,
    events.EXTENSION_ENTERED: _extension_entered,
}
