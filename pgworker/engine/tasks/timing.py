"""Timers: what happens when the time of one has come, by its purpose."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.faults import problem_of
from pgworker.engine.inputs import TimerDue
from pgworker.engine.run import Run
from pgworker.engine.state import Activation, Frame
from pgworker.engine.tasks import trying, waiting
from pgworker.errors import Fault, FaultKind
from pgworker.plan.nodes import TryNode
from pgworker.types import JsonObject, JsonValue


def fire(decision: Decision, told: TimerDue) -> None:
    """Takes in that the time of a timer has come; one that is no longer set does nothing."""
    state = decision.state
    if told.timer not in state.timers:
        return
    activation = state.find(state.timers[told.timer])
    purpose = activation.timers[told.timer]
    if state.ending and purpose in ("timeout", "attempt"):
        return  # what ends the workflow came first, and makes the timer void
    fired: JsonObject = {"start": activation.start, "timer": told.timer, "purpose": purpose}
    if purpose in ("timeout", "attempt"):
        _time_out(decision, activation, fired)
        return
    decision.record(events.TIMER_FIRED, activation.task, fired)
    if isinstance(activation, Frame) and activation.expired:
        return  # its timeout came first
    run = Run.of(decision, activation)
    if purpose == "wait":
        waiting.end(run)
    elif isinstance(run.node, TryNode):
        trying.begin_again(run, run.node)


def _time_out(decision: Decision, activation: Activation, fired: JsonObject) -> None:
    """Too long: a frame is marked with the error and ended by its own turn, an activation at once."""
    fault = Fault(FaultKind.TIMEOUT, "it took longer than its timeout allows")
    if isinstance(activation, Frame):
        problem = problem_of(fault, activation.task or "/")
        decision.record(events.TIMER_FIRED, activation.task or None, fired | {"error": problem})
        return
    decision.record(events.TIMER_FIRED, activation.task, fired)
    void: list[JsonValue] = [activation.start] if activation.activity is not None else []
    Run.of(decision, activation).fail(fault, ends_jobs=void)
