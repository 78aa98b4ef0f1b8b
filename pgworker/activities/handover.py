"""The handover of an activity to a remote executor and back: two CloudEvents over one HTTP request.

The request is a POST of a CloudEvent in structured mode. Its ``id`` is the activity's idempotency key, the
same for every attempt, and its data is what history says of the activity: ``activity``, ``arguments``, and,
as they are before that, the parts that read secrets (``sealed``), as an executor has secrets of its own;
besides, which ``attempt`` it is, from 1. An attribute ``traceparent`` is there if the attempt is traced.
The answer is status 200 with a CloudEvent whose data is ``{"output": ...}`` or ``{"error": problem}``. Any
other answer, or none, means that the activity was not performed, or nobody knows: it is handed over again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pgworker.activities.tracing import FORM, TRACEPARENT
from pgworker.errors import ERROR_TYPE_ROOT, Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

REQUESTED: Final = "io.pgworker.activity.requested.v1"
COMPLETED: Final = "io.pgworker.activity.completed.v1"
FAILED: Final = "io.pgworker.activity.failed.v1"
MEDIA_TYPE: Final = "application/cloudevents+json"

_OF_ACTIVITY = ("activity", "arguments", "sealed", "declared")


def request_of(
    scheduled: JsonObject, idempotency_key: str, attempt: int = 1, *, traceparent: str | None = None
) -> JsonObject:
    """The CloudEvent that asks for an activity, from the data of the event that scheduled it."""
    data = {name: scheduled[name] for name in _OF_ACTIVITY if name in scheduled}
    event = _event(REQUESTED, idempotency_key, data | {"attempt": attempt})
    return event if traceparent is None else event | {TRACEPARENT: traceparent}


def requested(event: JsonValue) -> tuple[JsonObject, str]:
    """What a request asks for, and its idempotency key; raises ``ValueError`` for what is none."""
    match event:
        case {"type": str(type_), "id": str(key), "data": dict(data)} if type_ == REQUESTED and key:
            return data, key
        case _:
            raise ValueError(f"not a CloudEvent of the type {REQUESTED} with an id and data")


def attempt_of(requested: JsonObject) -> int:
    """Which attempt a request asks for; the first, if it does not say."""
    attempt = requested.get("attempt")
    return attempt if isinstance(attempt, int) else 1


def traceparent_of(event: JsonValue) -> str | None:
    """The trace that a request is part of, if it says."""
    given = event.get(TRACEPARENT) if isinstance(event, dict) else None
    return given if isinstance(given, str) and FORM.fullmatch(given) else None


def about_of(requested: JsonObject, idempotency_key: str) -> Mapping[str, object]:
    """What a line in the log about a request says of it; the key of a worker's begins with the workflow."""
    return {"workflow_id": idempotency_key.partition(":")[0], "attempt": attempt_of(requested)}


def completed(idempotency_key: str, output: JsonValue) -> JsonObject:
    """The answer of an activity that was performed."""
    return _event(COMPLETED, idempotency_key, {"output": output})


def failed(idempotency_key: str, fault: Fault) -> JsonObject:
    """The answer of an activity that failed."""
    return _event(FAILED, idempotency_key, {"error": fault.problem("/")})


def outcome_of(event: JsonValue) -> JsonValue:
    """The output that an answer tells; raises ``Fault`` for an error, ``ValueError`` for no answer."""
    match event:
        case {"type": str(type_), "data": {"output": output}} if type_ == COMPLETED:
            return output
        case {"type": str(type_), "data": {"error": dict(problem)}} if type_ == FAILED:
            raise _fault(problem)
        case _:
            raise ValueError(f"not a CloudEvent of the type {COMPLETED} or {FAILED} with its data")


def _fault(problem: JsonObject) -> Fault:
    type_, status, title = (problem.get(name) for name in ("type", "status", "title"))
    name = str(type_).removeprefix(ERROR_TYPE_ROOT)
    kind = FaultKind(name) if name in set(FaultKind) else FaultKind.RUNTIME
    return Fault(
        kind,
        str(problem.get("detail", "")),
        status=status if isinstance(status, int) else None,
        title=title if isinstance(title, str) else None,
    )


def _event(type_: str, key: str, data: JsonObject) -> JsonObject:
    return {
        "specversion": "1.0",
        "id": key,
        "source": "/pgworker",
        "type": type_,
        "datacontenttype": "application/json",
        "data": data,
    }
