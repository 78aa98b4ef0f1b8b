"""``emit``: publishes a CloudEvent."""

from __future__ import annotations

from datetime import datetime

from pgworker.engine.run import Run
from pgworker.errors import Fault, FaultKind
from pgworker.plan.nodes import EmitNode
from pgworker.types import JsonObject
from pgworker.values import canonical

_TEXTS = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_INDEXED = ("id", "source", "type")
_MOST_CHARACTERS = 1024
"""The database refuses what is longer in an index; ``publish_event`` has the same limit."""


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
        "specversion": "1.0",
        "id": f"{run.decision.workflow_id}:{run.decision.state.seq + 1}",
        "source": f"/{plan.namespace}/{plan.name}/{plan.version}",
        "time": run.now.isoformat().replace("+00:00", "Z"),
    }
    event = canonical({**made, **{name: value for name, value in written.items() if value is not None}})
    assert isinstance(event, dict)
    for name in _TEXTS:
        if name in event and not isinstance(event[name], str):
            raise Fault(
                FaultKind.CONFIGURATION, f"the {name} of an emitted event is a text, not {event[name]!r}"
            )
        if name in _INDEXED and len(str(event.get(name, ""))) > _MOST_CHARACTERS:
            raise Fault(
                FaultKind.CONFIGURATION,
                f"the {name} of an emitted event has more than {_MOST_CHARACTERS} characters",
            )
    try:
        datetime.fromisoformat(str(event["time"]))
    except ValueError as error:
        raise Fault(FaultKind.CONFIGURATION, f"the time of an emitted event is no time: {error}") from error
    if not event.get("type"):
        raise Fault(FaultKind.CONFIGURATION, "an emitted event has no type")
    return event
