"""Evolve: what an event does to the state. No expressions, no clock, no plan: events carry the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import datetime

from pgworker.engine import events, fold_composites, fold_waits
from pgworker.engine.events import Event, array, ended_jobs, object_
from pgworker.engine.state import RECEIVING, ROOT, Activation, Extended, Frame, Listening, State, Status
from pgworker.engine.state_json import state_of
from pgworker.types import JsonValue


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


def replay(history: Iterable[Event]) -> State:
    """The state that a whole history amounts to."""
    state = State()
    for event in history:
        evolve(state, event)
    return state


def _forget_timers(state: State, event: Event) -> None:
    """Timers that the event makes void; the other jobs that it ends are no part of the state."""
    for job in ended_jobs(event):
        start = state.timers.pop(job, None)
        if start in state.frames or start in state.activations:
            del state.find(start).timers[job]


def _workflow_started(state: State, event: Event) -> None:
    state.status = Status.RUNNING
    state.input = event.data.get("input")
    state.started_at = _start_time(event)
    incarnation = event.data.get("incarnation")
    state.incarnation = incarnation if isinstance(incarnation, str) else None
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
    parent = state.frames[event.frame]
    parent.begun = True
    del state.ready[parent.start]
    opens = event.data.get("opens")
    if isinstance(opens, str):
        state.open(_frame(parent, event, opens))
        state.ready[event.seq] = None
        return
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
    state.open(activation)


def _frame(parent: Frame, event: Event, opens: str) -> Frame:
    """The frame of a composite task, with the data that flow into its list."""
    data = event.data
    transformed = "input" in data
    value = data.get("input", parent.data)
    origin = event.seq if transformed else parent.data_origin
    calls = opens == "call"  # a function's list gets the arguments, not the input
    frame = Frame(
        task=event.task or "",
        start=event.seq,
        parent=parent.start,
        raw=parent.data,
        origin=parent.data_origin,
        input=value,
        started_at=event.at,
        opens=opens,
        data=data.get("arguments") if calls else value,
        data_origin=event.seq if calls else origin,
        input_origin=origin,
        section=_SECTIONS.get(opens, "do"),
        holder=parent.holder,
    )
    if "items" in data:
        frame.items = array(data["items"])
    if "branches" in data:
        frame.branches = [str(branch) for branch in array(data["branches"])]
    if "phases" in data:
        frame.extended = Extended([str(phase) for phase in array(data["phases"])])
    if opens == "subscribe":
        frame.listening = Listening("message", [])
    return frame


_SECTIONS = {"try": "try", "listen": "foreach/do", "call": "call", "subscribe": RECEIVING}
"""Which list a frame begins with, where that is not the one under ``do``."""


def _task_completed(state: State, event: Event) -> None:
    data = event.data
    parent = state.frames[event.frame]
    output, origin = _value_before(state, parent, event)
    if "output" in data:
        output, origin = data["output"], event.seq
    _close(state, parent, event)
    parent.data, parent.data_origin = output, origin
    if "context" in data:
        state.export(parent, data["context"])
    _go_on(state, parent, event)


def _value_before(state: State, parent: Frame, event: Event) -> tuple[JsonValue, int]:
    """The value that a task's output is if the event brings none of its own."""
    start = event.data.get("start")
    if isinstance(start, int) and start in state.frames:
        return state.frames[start].data, state.frames[start].data_origin
    return parent.data, parent.data_origin


def _task_skipped(state: State, event: Event) -> None:
    _go_on(state, state.frames[event.frame], event)


def _go_on(state: State, parent: Frame, event: Event) -> None:
    parent.begun = True
    name = event.data.get("next")
    parent.next = name if isinstance(name, str) else None
    ends = event.data.get("end") is True
    extended = parent.extended
    if extended is not None and not parent.section:
        extended.next, extended.ends = parent.next, ends
        parent.next = None
    elif ends and not _is_failing(state, parent):
        state.ending = True
    if extended is not None and event.data.get("exit") is True:
        extended.exits = True
    if state.ending:
        state.go_first(parent.start)


def _is_failing(state: State, frame: Frame) -> bool:
    """Whether an error of one of the frames around waits to be dealt with: it came first."""
    while frame.error is None and frame.start != ROOT:
        frame = state.frames[frame.parent]
    return frame.error is not None


def _task_failed(state: State, event: Event) -> None:
    parent = state.frames[event.frame]
    _close(state, parent, event)
    parent.begun = True
    if parent.error is None:  # the first error counts: a timeout's may be there already
        parent.error = object_(event.data["error"])


def _task_cancelled(state: State, event: Event) -> None:
    state.close(event.start)


def _close(state: State, parent: Frame, event: Event) -> None:
    """Ends the activation that the event ends, if it was open: a task of one event never was."""
    start = event.data.get("start")
    if isinstance(start, int):
        state.close(start)
        state.ready[parent.start] = None


def _extension_started(state: State, event: Event) -> None:
    parent = state.frames[event.frame]
    parent.begun = True
    del state.ready[parent.start]
    frame = _frame(parent, event, "extension")
    frame.section = "" if frame.extended is None else frame.extended.phases[0]
    frame.index = 0
    state.open(frame)
    state.ready[frame.start] = None


def _extension_completed(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    parent = state.frames[event.frame]
    extended = frame.extended
    is_output = not frame.section or state.ending or (extended is not None and extended.exits)
    output = (frame.data, frame.data_origin) if is_output else (frame.input, frame.input_origin)
    parent.data, parent.data_origin = output
    _close(state, parent, event)
    _go_on(state, parent, event)


def _workflow_paused(state: State, event: Event) -> None:
    state.status = Status.PAUSED


def _workflow_resumed(state: State, event: Event) -> None:
    state.status = Status.RUNNING


def _workflow_retried(state: State, event: Event) -> None:
    state.status = Status.RUNNING
    state.error = None
    state.retrying = str(event.data.get("from_task", ""))


def _workflow_rewound(state: State, event: Event) -> None:
    before = state_of(object_(event.data["state"]))
    for field in fields(State):
        if field.name != "seq":
            setattr(state, field.name, getattr(before, field.name))


def _workflow_completed(state: State, event: Event) -> None:
    root = state.frames[ROOT]
    state.output = event.data.get("output", root.data)
    _end(state, Status.COMPLETED)


def _workflow_failed(state: State, event: Event) -> None:
    state.error = object_(event.data["error"])
    _end(state, Status.FAILED)


def _workflow_cancelled(state: State, event: Event) -> None:
    error = event.data.get("error")
    state.error = object_(error) if error is not None else None
    _end(state, Status.CANCELLED)


def _end(state: State, status: Status) -> None:
    state.status = status
    state.frames.clear()
    state.activations.clear()
    state.ready.clear()
    state.timers.clear()


_CHANGES: dict[str, Callable[[State, Event], None]] = {
    events.WORKFLOW_STARTED: _workflow_started,
    events.INPUT_TRANSFORMED: _input_transformed,
    events.TASK_STARTED: _task_started,
    events.TASK_CANCELLED: _task_cancelled,
    events.TASK_COMPLETED: _task_completed,
    events.TASK_SKIPPED: _task_skipped,
    events.TASK_FAILED: _task_failed,
    events.EXTENSION_STARTED: _extension_started,
    events.EXTENSION_COMPLETED: _extension_completed,
    events.EXTENSION_FAILED: _task_failed,
    events.EXTENSION_CANCELLED: _task_cancelled,
    events.WORKFLOW_PAUSED: _workflow_paused,
    events.WORKFLOW_RESUMED: _workflow_resumed,
    events.WORKFLOW_RETRIED: _workflow_retried,
    events.WORKFLOW_REWOUND: _workflow_rewound,
    events.WORKFLOW_COMPLETED: _workflow_completed,
    events.WORKFLOW_FAILED: _workflow_failed,
    events.WORKFLOW_CANCELLED: _workflow_cancelled,
    **fold_composites.CHANGES,
    **fold_waits.CHANGES,
}
