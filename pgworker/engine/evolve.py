"""Evolve: what an event does to the state. No expressions, no clock, no plan: events carry the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from pgworker.engine import events
from pgworker.engine.events import Event, ended_jobs
from pgworker.engine.state import ROOT, Activation, BranchEnd, Frame, State, Status
from pgworker.types import JsonObject, JsonValue


def evolve(state: State, event: Event) -> None:
    """Takes the next event into the state, in place.

    Events of types that the engine does not know (they were appended by users) only move ``seq`` on.
    Raises ``ValueError`` for an event that does not follow the last one.
    """
    if event.seq != state.seq + 1:
        raise ValueError(f"event {event.seq} does not follow event {state.seq}")
    state.seq = event.seq
    change = _CHANGES.get(event.type)
    if change is not None:
        change(state, event)
        if "ends_jobs" in event.data:
            _forget_timers(state, event)


def _forget_timers(state: State, event: Event) -> None:
    """Timers that the event makes void; the other jobs that it ends are no part of the state."""
    for job in ended_jobs(event):
        start = state.timers.pop(job, None)
        if start in state.frames or start in state.activations:
            del state.find(start).timers[job]


def replay(history: Iterable[Event]) -> State:
    """The state that a whole history amounts to."""
    state = State()
    for event in history:
        evolve(state, event)
    return state


def _workflow_started(state: State, event: Event) -> None:
    state.status = Status.RUNNING
    state.input = event.data.get("input")
    state.started_at = _start_time(event)
    state.frames[ROOT] = Frame(
        task="",
        start=ROOT,
        parent=ROOT,
        raw=state.input,
        origin=event.seq,
        input=state.input,
        started_at=state.started_at,
        opens="workflow",
        data=state.input,
        data_origin=event.seq,
    )
    state.ready[ROOT] = None


def _start_time(event: Event) -> datetime:
    """When the workflow was meant to start: a later time than the event's, if one was asked for."""
    asked = event.data.get("start_at")
    return max(event.at, datetime.fromisoformat(asked)) if isinstance(asked, str) else event.at


def _input_transformed(state: State, event: Event) -> None:
    root = state.frames[ROOT]
    root.input = root.data = event.data["output"]
    root.data_origin = event.seq
    root.index = 0


def _task_started(state: State, event: Event) -> None:
    parent = state.frames[_frame_key(event)]
    parent.begun = True
    del state.ready[parent.start]
    opens = event.data.get("opens")
    if isinstance(opens, str):
        _open_frame(state, parent, event, opens)
    else:
        activation = Activation(
            task=event.task or "",
            start=event.seq,
            parent=parent.start,
            raw=parent.data,
            origin=parent.data_origin,
            input=event.data.get("input", parent.data),
            started_at=event.at,
        )
        activity = event.data.get("activity")
        if isinstance(activity, str):
            activation.activity = activity
            activation.arguments = event.data.get("arguments")
        state.activations[event.seq] = activation


def _open_frame(state: State, parent: Frame, event: Event, opens: str) -> None:
    transformed = "input" in event.data
    value = event.data.get("input", parent.data)
    items = event.data.get("items")
    branches = event.data.get("branches")
    state.frames[event.seq] = Frame(
        task=event.task or "",
        start=event.seq,
        parent=parent.start,
        raw=parent.data,
        origin=parent.data_origin,
        input=value,
        started_at=event.at,
        opens=opens,
        data=value,
        data_origin=event.seq if transformed else parent.data_origin,
        input_origin=event.seq if transformed else parent.data_origin,
        items=items if isinstance(items, list) else None,
        branches=[str(branch) for branch in branches] if isinstance(branches, list) else None,
        section="try" if opens == "try" else "do",
        holder=parent.holder,
    )
    state.ready[event.seq] = None


def _iteration_started(state: State, event: Event) -> None:
    frame = state.frames[_integer(event.data["start"])]
    frame.index = _integer(event.data["index"])
    frame.begun = False


def _timer_set(state: State, event: Event) -> None:
    _set_timer(state, event, str(event.data.get("purpose", "wait")))


def _set_timer(state: State, event: Event, purpose: str) -> None:
    start = _integer(event.data["start"])
    state.find(start).timers[event.seq] = purpose
    state.timers[event.seq] = start


def _timer_fired(state: State, event: Event) -> None:
    timer = _integer(event.data["timer"])
    activation = state.find(state.timers.pop(timer))
    del activation.timers[timer]
    if isinstance(activation, Frame):
        state.ready[activation.start] = None
        if "error" in event.data:
            activation.error = _object(event.data["error"])
            activation.expired = event.data["purpose"] == "timeout"


def _task_retried(state: State, event: Event) -> None:
    frame = state.frames[_integer(event.data["start"])]
    _begin_anew(frame, "try")
    frame.attempt = _integer(event.data["attempt"])
    if "due_at" in event.data:
        _set_timer(state, event, "retry")
        del state.ready[frame.start]


def _error_caught(state: State, event: Event) -> None:
    frame = state.frames[_integer(event.data["start"])]
    frame.caught = frame.error
    _begin_anew(frame, "catch/do")


def _begin_anew(frame: Frame, section: str) -> None:
    """Runs a list of the frame from its first task, on the frame's own input."""
    frame.section = section
    frame.error = None
    frame.begun = False
    frame.next = None
    frame.data = frame.input
    frame.data_origin = frame.input_origin


def _branch_started(state: State, event: Event) -> None:
    fork = state.frames[_integer(event.data["start"])]
    index = _integer(event.data["index"])
    names = fork.branches or []
    state.frames[event.seq] = Frame(
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
    state.ready[event.seq] = None
    fork.index = index
    if index == len(names) - 1:
        del state.ready[fork.start]


def _branch_ended(state: State, event: Event) -> None:
    branch = state.frames.pop(_integer(event.data["start"]))
    state.ready.pop(branch.start, None)
    fork = state.frames[branch.parent]
    fork.ended[branch.index] = BranchEnd(
        branch.data, branch.data_origin, branch.context, branch.exported, branch.error
    )
    if event.data.get("settles") is True:
        fork.data, fork.data_origin, fork.error = branch.data, branch.data_origin, branch.error
        state.ready[fork.start] = None


def _task_cancelled(state: State, event: Event) -> None:
    start = _integer(event.data["start"])
    if state.frames.pop(start, None) is None:
        del state.activations[start]
    state.ready.pop(start, None)


def _task_completed(state: State, event: Event) -> None:
    data = event.data
    parent = state.frames[_frame_key(event)]
    output, origin = _value_before(state, parent, event)
    if "output" in data:
        output, origin = data["output"], event.seq
    _close(state, parent, event)
    parent.data, parent.data_origin = output, origin
    if "context" in data:
        _export(state, parent, data["context"])
    _go_on(state, parent, event)


def _export(state: State, frame: Frame, context: JsonValue) -> None:
    if frame.holder == ROOT:
        state.context = context
    else:
        holder = state.frames[frame.holder]
        holder.context, holder.exported = context, True


def _value_before(state: State, parent: Frame, event: Event) -> tuple[JsonValue, int]:
    """The value that a task's output is if the event brings none of its own."""
    start = event.data.get("start")
    if isinstance(start, int) and start in state.frames:
        return state.frames[start].data, state.frames[start].data_origin
    return parent.data, parent.data_origin


def _task_skipped(state: State, event: Event) -> None:
    _go_on(state, state.frames[_frame_key(event)], event)


def _go_on(state: State, parent: Frame, event: Event) -> None:
    parent.begun = True
    parent.next = _next(event)
    if event.data.get("end") is True:
        state.ending = True


def _task_failed(state: State, event: Event) -> None:
    parent = state.frames[_frame_key(event)]
    _close(state, parent, event)
    parent.begun = True
    if parent.error is None:  # the first error counts: a timeout's may be there already
        parent.error = _object(event.data["error"])


def _close(state: State, parent: Frame, event: Event) -> None:
    """Ends the activation that the event ends, if it was open: a task of one event never was."""
    start = event.data.get("start")
    if not isinstance(start, int):
        return
    if state.frames.pop(start, None) is None:
        del state.activations[start]
    state.ready.pop(start, None)
    state.ready[parent.start] = None


def _workflow_completed(state: State, event: Event) -> None:
    root = state.frames[ROOT]
    state.output = event.data.get("output", root.data)
    _end(state, Status.COMPLETED)


def _workflow_failed(state: State, event: Event) -> None:
    state.error = _object(event.data["error"])
    _end(state, Status.FAILED)


def _workflow_cancelled(state: State, event: Event) -> None:
    error = event.data.get("error")
    state.error = _object(error) if error is not None else None
    _end(state, Status.CANCELLED)


def _end(state: State, status: Status) -> None:
    state.status = status
    state.frames.clear()
    state.activations.clear()
    state.ready.clear()
    state.timers.clear()


def _frame_key(event: Event) -> int:
    key = event.data.get("in")
    return key if isinstance(key, int) else ROOT


def _next(event: Event) -> str | None:
    name = event.data.get("next")
    return name if isinstance(name, str) else None


def _integer(value: JsonValue) -> int:
    if not isinstance(value, int):
        raise TypeError(f"an event holds {value!r} where a number belongs")
    return value


def _object(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"an event holds {value!r} where an object belongs")
    return value


_CHANGES: dict[str, Callable[[State, Event], None]] = {
    events.WORKFLOW_STARTED: _workflow_started,
    events.INPUT_TRANSFORMED: _input_transformed,
    events.TASK_STARTED: _task_started,
    events.ITERATION_STARTED: _iteration_started,
    events.TIMER_SET: _timer_set,
    events.TIMER_FIRED: _timer_fired,
    events.TASK_RETRIED: _task_retried,
    events.ERROR_CAUGHT: _error_caught,
    events.BRANCH_STARTED: _branch_started,
    events.BRANCH_COMPLETED: _branch_ended,
    events.BRANCH_FAILED: _branch_ended,
    events.BRANCH_CANCELLED: _task_cancelled,
    events.TASK_CANCELLED: _task_cancelled,
    events.TASK_COMPLETED: _task_completed,
    events.TASK_SKIPPED: _task_skipped,
    events.TASK_FAILED: _task_failed,
    events.WORKFLOW_COMPLETED: _workflow_completed,
    events.WORKFLOW_FAILED: _workflow_failed,
    events.WORKFLOW_CANCELLED: _workflow_cancelled,
}
