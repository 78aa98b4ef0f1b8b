"""Due times: a duration of the document, counted from the recorded time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pgworker.engine.scope import Scope
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.durations import Duration, duration_from_object, parse_duration
from pgworker.plan.nodes import Time
from pgworker.types import JsonValue


def due_after(time: Time, now: datetime, value: JsonValue, scope: Scope) -> datetime:
    """When the time is over that begins now; raises ``Fault`` (configuration) for what is no duration.

    ``value`` is what ``.`` means in a template.
    """
    try:
        duration = time if isinstance(time, Duration) else _duration(time.evaluate(value, scope.bind))
        return duration.after(now.astimezone(UTC))
    except (OverflowError, ValueError) as error:
        raise Fault(FaultKind.CONFIGURATION, f"this is no usable duration: {error}") from error


def length(time: Time, now: datetime, value: JsonValue, scope: Scope) -> timedelta:
    """How long the time lasts if it begins now."""
    return due_after(time, now, value, scope) - now


def _duration(value: JsonValue) -> Duration:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, dict):
        return duration_from_object(value)
    raise ValueError(f"{value!r} is neither ISO 8601 text nor a duration object")
