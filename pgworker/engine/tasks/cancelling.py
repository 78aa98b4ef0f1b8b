"""Cancelling: what still lives inside a frame that ends."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.run import leaving
from pgworker.engine.state import Activation, Frame
from pgworker.types import JsonObject, JsonValue


def cancel_inside(decision: Decision, frame: Frame) -> None:
    """Records the cancellation of every task and branch that is live inside a frame, innermost first."""
    state = decision.state
    for start in sorted(frame.inside, key=lambda key: (key not in state.frames, key)):
        child = state.find(start)
        if isinstance(child, Frame):
            cancel_inside(decision, child)
        _cancel(decision, child)


def _cancel(decision: Decision, activation: Activation) -> None:
    data: JsonObject = {"start": activation.start}
    opens = activation.opens if isinstance(activation, Frame) else ""
    type_ = _TYPES.get(opens, events.TASK_CANCELLED)
    if type_ == events.TASK_CANCELLED:
        data["kind"] = decision.plan.nodes[activation.task].kind
    void: list[JsonValue] = [*activation.timers]
    if activation.activity is not None:
        void.append(activation.start)
    if void:
        data["ends_jobs"] = void
    decision.record(type_, activation.task, data | leaving(activation))


_TYPES = {"branch": events.BRANCH_CANCELLED, "extension": events.EXTENSION_CANCELLED}
"""What is not a task of its own is cancelled by an event of its own."""
