"""Spans: what workflows did, as OpenTelemetry has it.

Ids follow from the workflow, the event and the attempt alone, so that whatever is told twice, by whichever
workers, is the same span. No span has a value of a workflow in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from pgworker import __version__
from pgworker.activities.tracing import FORM
from pgworker.errors import ERROR_TYPE_ROOT, FaultKind
from pgworker.store.tracing import Origin
from pgworker.types import JsonObject, JsonValue

RESOURCE: Final = Resource.create({"service.name": "pgworker", "service.version": __version__})

_ERROR_TYPES = frozenset(f"{ERROR_TYPE_ROOT}{kind}" for kind in FaultKind)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The trace that a workflow belongs to, and the span that its own is inside of."""

    trace_id: int
    parent: int | None
    is_sampled: bool = True

    @classmethod
    def of(cls, workflow_id: str, origin: Origin | None) -> Lineage:
        """A workflow's: its caller's trace if a ``traceparent`` came as label, else one of its own.

        Who is not sampled by its caller is told of to nobody.
        """
        if origin is None:
            return cls(_number(workflow_id), None)
        given = FORM.fullmatch(origin.traceparent or "")
        trace_id = _number(origin.root) if given is None else int(given[1], 16)
        is_sampled = given is None or bool(int(given[3], 16) & TraceFlags.SAMPLED)
        if origin.parent is not None and origin.parent_seq is not None:
            return cls(trace_id, span_id(origin.parent, origin.parent_seq), is_sampled)
        return cls(trace_id, None if given is None else int(given[2], 16), is_sampled)

    def traceparent(self, span: int) -> str:
        """What tells others that they are called from inside a span."""
        return f"00-{self.trace_id:032x}-{span:016x}-{int(self.is_sampled):02x}"


def span_id(workflow_id: str, seq: int, attempt: int | None = None) -> int:
    """That of a workflow (``seq`` 0), of the task that an event began, or of one attempt at an activity."""
    text = f"{workflow_id}:{seq}" if attempt is None else f"{workflow_id}:{seq}:{attempt}"
    return int.from_bytes(sha256(text.encode()).digest()[:8]) or 1


def span(
    name: str,
    lineage: Lineage,
    id_: int,
    parent: int | None,
    *,
    times: tuple[datetime, datetime],
    attributes: Mapping[str, str | int],
    error: JsonValue = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> ReadableSpan:
    """A span that has ended; of an ``error`` it tells the type and the status."""
    begun, ended = times
    return ReadableSpan(
        name=name,
        context=_context(lineage, id_),
        parent=None if parent is None else _context(lineage, parent),
        resource=RESOURCE,
        attributes={**attributes, **_told_of(error)},
        kind=kind,
        status=Status(StatusCode.OK if error is None else StatusCode.ERROR),
        start_time=_nanoseconds(begun),
        end_time=_nanoseconds(ended),
    )


def _context(lineage: Lineage, id_: int) -> SpanContext:
    flags = TraceFlags(int(lineage.is_sampled))
    return SpanContext(lineage.trace_id, id_, is_remote=False, trace_flags=flags)


def _told_of(error: JsonValue) -> JsonObject:
    if not isinstance(error, dict):
        return {}
    type_, status = str(error.get("type")), error.get("status")
    return {
        # an author may make up types, and put values into them
        "error.type": type_ if type_ in _ERROR_TYPES else "_OTHER",
        **({"pgworker.error.status": status} if isinstance(status, int) else {}),
    }


def _number(workflow_id: str) -> int:
    return int(workflow_id.replace("-", ""), 16)


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000) * 1000
