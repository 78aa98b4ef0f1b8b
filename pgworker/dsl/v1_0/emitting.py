"""``emit``: the attributes of the CloudEvent."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.uris import is_uri_or_expression
from pgworker.plan.nodes import EmitNode

_TEXTS = ("id", "source", "type", "time", "subject", "datacontenttype", "dataschema")
_URIS = ("source", "dataschema")


def read_emit(piece: Piece, base: Base, names: Names) -> EmitNode | None:
    """An event to emit; its attributes may be expressions."""
    if piece.object() is None or not piece.require(["event"], "`emit`"):
        return None
    piece.allow({"event"}, "`emit`")
    event = piece.member("event")
    if event.object() is None or not event.require(["with"], "the event"):
        return None
    attributes = event.member("with")
    if attributes.object() is None or not attributes.require(["type"], "the event"):
        return None
    texts = [attributes.member(name).text() for name in _TEXTS if attributes.has(name)]
    template = read_template(attributes, names.variables)
    if template is None or None in texts:
        return None
    uris = [is_uri_or_expression(attributes, name, template) for name in _URIS if attributes.has(name)]
    return EmitNode(**base, attributes=template) if all(uris) else None
