"""``wait``: goes on when a time has come."""

from __future__ import annotations

from datetime import UTC, datetime

from pgworker.engine import events
from pgworker.engine.faults import FAILURES
from pgworker.engine.inputs import TimerDue
from pgworker.engine.run import Run
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.durations import Duration, duration_from_object, parse_duration
from pgworker.plan.nodes import WaitNode
from pgworker.types import JsonValue


def begin(run: Run, node: WaitNode) -> None:
    """Sets the timer."""
    due_at = _due_at(run, node)
    start = run.begin()
    run.decision.record(events.TIMER_SET, node.reference, {"start": start, "due_at": due_at.isoformat()})


def end(run: Run, told: TimerDue) -> None:
    """The time has come: the output is the input."""
    run.decision.record(events.TIMER_FIRED, run.node.reference, {"start": run.start, "timer": told.timer})
    try:
        run.complete(run.input)
    except FAILURES as failure:
        run.fail(failure)


def _due_at(run: Run, node: WaitNode) -> datetime:
    duration = node.duration
    try:
        if not isinstance(duration, Duration):
            duration = _duration(duration.evaluate(run.input, run.scope.bind))
        return duration.after(run.now.astimezone(UTC))
    except ValueError as error:
        raise Fault(FaultKind.CONFIGURATION, f"`wait` has no usable duration: {error}") from error


def _duration(value: JsonValue) -> Duration:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, dict):
        return duration_from_object(value)
    raise ValueError(f"{value!r} is neither ISO 8601 text nor a duration object")
