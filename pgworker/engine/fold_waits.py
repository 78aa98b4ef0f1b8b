"""What the events of waiting do to the state: timers, listens, workflows that were started."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.engine import events
from pgworker.engine.events import Event, array, integer, object_
from pgworker.engine.state import Frame, Listening, State, subscribes
from pgworker.plan.listening import Read, read_event


def set_timer(state: State, event: Event, purpose: str) -> None:
    """The event sets a timer."""
    state.find(event.start).timers[event.seq] = purpose
    state.timers[event.seq] = event.start


def _timer_set(state: State, event: Event) -> None:
    set_timer(state, event, str(event.data.get("purpose", "wait")))


def _timer_fired(state: State, event: Event) -> None:
    timer = integer(event.data["timer"])
    activation = state.find(state.timers.pop(timer))
    del activation.timers[timer]
    if isinstance(activation, Frame):
        state.ready[activation.start] = None
        if "error" in event.data and not activation.expired:  # of two that come at once the first counts
            activation.error = object_(event.data["error"])
            activation.expired = event.data["purpose"] == "timeout"


def _listen_started(state: State, event: Event) -> None:
    activation = state.find(event.start)
    activation.listening = Listening(str(event.data["read"]), array(event.data["expected"]))
    state.ready.pop(event.start, None)  # until something comes


def _event_received(state: State, event: Event) -> None:
    activation = state.find(event.start)
    listening = activation.listening
    assert listening is not None
    listening.passed.append(integer(event.data["filter"]))
    listening.learned |= object_(event.data.get("learned", {}))
    if event.data.get("until") is True:
        return  # the listen may be over, but nothing is to be done with this one
    listening.items.append(read_event(object_(event.data["cloud_event"]), Read(listening.read)))
    if isinstance(activation, Frame):
        state.ready[activation.start] = None


def _iteration_completed(state: State, event: Event) -> None:
    frame = state.frames[event.start]
    assert frame.listening is not None
    frame.listening.outputs.append(event.data.get("output", frame.data))
    frame.begun, frame.next = True, None
    if "context" in event.data:
        state.export(frame, event.data["context"])
    if not subscribes(frame):
        state.ready.pop(frame.start, None)  # until something comes


def _child_started(state: State, event: Event) -> None:
    activation = state.find(event.start)
    activation.child = str(event.data["child"])
    activation.waits = event.data.get("waits") is True


def _child_ended(state: State, event: Event) -> None:
    state.find(event.start).waits = False


CHANGES: dict[str, Callable[[State, Event], None]] = {
    events.TIMER_SET: _timer_set,
    events.TIMER_FIRED: _timer_fired,
    events.LISTEN_STARTED: _listen_started,
    events.EVENT_RECEIVED: _event_received,
    events.ITERATION_COMPLETED: _iteration_completed,
    events.CHILD_STARTED: _child_started,
    events.CHILD_COMPLETED: _child_ended,
    events.CHILD_FAILED: _child_ended,
}
