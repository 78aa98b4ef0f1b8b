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

from pgworker.activities.media import json_body
from pgworker.activities.strict_json import MAX_DEPTH, parse_json
from pgworker.activities.tracing import FORM, TRACEPARENT
from pgworker.engine.faults import fault_of, problem_of
from pgworker.errors import ERROR_TYPE_ROOT, Fault, FaultKind, ValueRefused
from pgworker.types import JsonObject, JsonValue
from pgworker.values import MAX_BYTES, canonical

REQUESTED: Final = "io.pgworker.activity.requested.v1"
COMPLETED: Final = "io.pgworker.activity.completed.v1"
FAILED: Final = "io.pgworker.activity.failed.v1"
MEDIA_TYPE: Final = "application/cloudevents+json"

LARGEST: Final = 2 * MAX_BYTES
"""Bytes of a request or an answer: more than an event may hold, as ``output.as`` may keep a part alone."""

_ENVELOPE_DEPTH = 2
"""What is around arguments and output."""

_DATA = "/data/"
_OUTPUT = "/data/output"
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


def completed(idempotency_key: str, output: JsonValue) -> bytes:
    """The answer of an activity that was performed; of a failure, if no workflow can have such an output."""
    try:
        answer = json_body(_event(COMPLETED, idempotency_key, {"output": canonical(output)}))
    except ValueRefused as refusal:
        return failed(idempotency_key, fault_of(refusal))
    return answer if len(answer) <= LARGEST else failed(idempotency_key, too_large())


def failed(idempotency_key: str, fault: Fault) -> bytes:
    """The answer of an activity that failed."""
    return json_body(_event(FAILED, idempotency_key, {"error": problem_of(fault, "/")}))


def too_large() -> Fault:
    """The fault of an activity whose output cannot be handed over for its size."""
    return Fault(
        FaultKind.RUNTIME,
        f"the output takes more than the {LARGEST} bytes that an executor may hand over,"
        f" and an event may hold {MAX_BYTES}",
    )


def read(message: bytes) -> JsonValue:
    """A request or an answer; raises ``ValueError`` and ``ValueRefused``."""
    return parse_json(message, MAX_DEPTH + _ENVELOPE_DEPTH)


def outcome_of(answer: bytes) -> JsonValue:
    """The output that an answer tells; raises ``Fault`` for an error, ``ValueError`` for no answer.

    An output that no workflow can have is an error, whoever let it pass: it would come again.
    """
    try:
        event = read(answer)
    except ValueRefused as refusal:
        if not refusal.pointer.startswith(_DATA):
            raise ValueError(f"{refusal.message} at {refusal.pointer}") from refusal
        where = refusal.pointer.removeprefix(_OUTPUT)
        raise fault_of(ValueRefused(refusal.message, where)) from refusal
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
