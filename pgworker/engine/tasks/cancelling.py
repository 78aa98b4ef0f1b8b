"""Cancelling: what still lives inside a frame that ends."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.state import Activation, Frame
from pgworker.types import JsonObject, JsonValue


def cancel_inside(decision: Decision, frame: Frame) -> None:
    """Records the cancellation of every task and branch that is live inside a frame, innermost first."""
    state = decision.state
    for start in [key for key, child in state.frames.items() if child.parent == frame.start != key]:
        child = state.frames[start]
        cancel_inside(decision, child)
        _cancel(decision, child)
    for activation in [child for child in state.activations.values() if child.parent == frame.start]:
        _cancel(decision, activation)


def _cancel(decision: Decision, activation: Activation) -> None:
    data: JsonObject = {"start": activation.start}
    is_branch = isinstance(activation, Frame) and activation.opens == "branch"
    if not is_branch:
        data["kind"] = decision.plan.nodes[activation.task].kind
    void: list[JsonValue] = [*activation.timers]
    if activation.activity is not None:
        void.append(activation.start)
    if void:
        data["ends_jobs"] = void
    decision.record(events.BRANCH_CANCELLED if is_branch else events.TASK_CANCELLED, activation.task, data)
