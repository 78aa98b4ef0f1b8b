"""``call: openapi`` ("OpenAPI Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.http_calls import read_answer
from pgworker.dsl.v1_0.names import Names
from pgworker.expressions.templates import Members, Template

_MEMBERS = frozenset({"document", "operationId", "parameters", "authentication", "output", "redirect"})


def read_openapi(piece: Piece, names: Names) -> Template | None:
    """The arguments of an OpenAPI call."""
    if piece.object() is None:
        return None
    piece.allow(_MEMBERS, "an OpenAPI call")
    complete = piece.require(["document", "operationId"], "the OpenAPI call")
    parts: dict[str, Template | None] = read_answer(piece)
    if piece.has("document"):
        parts["document"] = read_resource(piece.member("document"), names)
    if piece.has("operationId"):
        operation = piece.member("operationId")
        parts["operationId"] = None if operation.text() is None else read_template(operation, names.variables)
    if piece.has("parameters"):
        given = piece.member("parameters")
        parts["parameters"] = None if given.object() is None else read_template(given, names.variables)
    if piece.has("authentication"):
        parts["authentication"] = read_authentication(piece.member("authentication"), names)
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return Members(members) if complete and len(members) == len(parts) else None
