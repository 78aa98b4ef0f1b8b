"""``call: http`` ("HTTP Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.endpoints import read_endpoint
from pgworker.dsl.v1_0.expressions import read_expression, read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import check_map_of_texts, literal
from pgworker.expressions.templates import Members, Template, bare

OUTPUTS = ("raw", "content", "response")


def read_http(piece: Piece, names: Names) -> Template | None:
    """The arguments of an HTTP call; the endpoint's policy travels beside it, as ``authentication``."""
    if piece.object() is None:
        return None
    piece.allow({"method", "endpoint", "headers", "body", "query", "output", "redirect"}, "an HTTP call")
    parts: dict[str, Template | None] = {}
    if not piece.require(["method", "endpoint"], "the HTTP call"):
        return None
    endpoint = read_endpoint(piece.member("endpoint"), names)
    parts["method"] = _read_method(piece.member("method"), names.variables)
    for key in ("headers", "query"):
        if piece.has(key):
            parts[key] = _read_texts(piece.member(key), names.variables)
    if piece.has("body"):
        parts["body"] = read_template(piece.member("body"), names.variables)
    parts |= read_answer(piece)
    members = [(key, part) for key, part in parts.items() if part is not None]
    if endpoint is None or len(members) < len(parts):
        return None
    return Members((*endpoint.members(), *members))


def read_answer(piece: Piece) -> dict[str, Template | None]:
    """What is to become of the answer: ``output`` and ``redirect``, where they are given."""
    parts: dict[str, Template | None] = {}
    if piece.has("output"):
        parts["output"] = literal(piece.member("output").choice(OUTPUTS))
    if piece.has("redirect"):
        parts["redirect"] = literal(piece.member("redirect").boolean())
    return parts


def _read_method(piece: Piece, variables: frozenset[str]) -> Template | None:
    return None if piece.text() is None else read_template(piece, variables)


def _read_texts(piece: Piece, variables: frozenset[str]) -> Template | None:
    """Headers or query: an object of texts, or an expression that gives one."""
    if isinstance(piece.value, str):
        if bare(piece.value) != piece.value.strip():
            return read_expression(piece, variables)
        expected = "an object of texts, or an expression in `${ }`"
        piece.report(f"found {kind_of(piece.value)}", expected=expected)
        return None
    return read_template(piece, variables) if check_map_of_texts(piece) else None
