"""``emit``: publishes a CloudEvent."""

from __future__ import annotations

import re
from datetime import datetime

from pgworker.engine.run import Run
from pgworker.errors import Fault, FaultKind
from pgworker.plan.listening import MAX_ATTRIBUTE_BYTES
from pgworker.plan.nodes import EmitNode
from pgworker.types import JsonObject
from pgworker.values import canonical

_TEXTS = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_INDEXED = ("id", "source", "type")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:0\d|1[0-5]):[0-5]\d)", re.ASCII
)
"""RFC 3339, as CloudEvents have it, as far from UTC as PostgreSQL goes."""


def run(run: Run, node: EmitNode) -> None:
    """Makes the event, which is published with the turn; the output is the whole event."""
    cloud_event = _complete(run, node.attributes.evaluate(run.input, run.scope.bind))
    transforms = node.flow.output_as is not None
    run.complete(cloud_event, None, emits=cloud_event if transforms else True)


def _complete(run: Run, written: object) -> JsonObject:
    """The event with the attributes that every CloudEvent has (version 1.0 of their specification)."""
    if not isinstance(written, dict):
        raise Fault(FaultKind.CONFIGURATION, "`emit.event.with` is no object")
    plan = run.decision.plan
    made: JsonObject = {
        "id": f"{run.decision.workflow_id}:{run.decision.name(run.decision.state.seq + 1)}",
        "source": f"/{plan.namespace}/{plan.name}/{plan.version}",
        "time": run.now.isoformat().replace("+00:00", "Z"),
    }
    asked = {name: value for name, value in written.items() if value is not None}
    event = canonical({**made, **asked, "specversion": "1.0"})
    assert isinstance(event, dict)
    for name in _TEXTS:
        if name in event and not isinstance(event[name], str):
            raise Fault(
                FaultKind.CONFIGURATION, f"the {name} of an emitted event is a text, not {event[name]!r}"
            )
    for name in _INDEXED:
        if len(str(event.get(name, "")).encode()) > MAX_ATTRIBUTE_BYTES:
            detail = f"the {name} of an emitted event takes more than {MAX_ATTRIBUTE_BYTES} bytes"
            raise Fault(FaultKind.CONFIGURATION, detail)
    _check_time(str(event["time"]))
    if not event.get("type"):
        raise Fault(FaultKind.CONFIGURATION, "an emitted event has no type")
    return event


def _check_time(text: str) -> None:
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError(f"{text[:100]!r} is not written as RFC 3339 asks for")
        datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise Fault(FaultKind.CONFIGURATION, f"the time of an emitted event is no time: {error}") from error
