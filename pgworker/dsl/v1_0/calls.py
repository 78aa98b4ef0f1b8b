"""``call``: work done outside, by protocol."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_expression, read_template, read_uri
from pgworker.dsl.v1_0.functions import read_function_call
from pgworker.dsl.v1_0.names import Names, TaskReader
from pgworker.dsl.v1_0.unsupported import report_unsupported
from pgworker.expressions.templates import Literal, Members, Template
from pgworker.plan.nodes import ActivityNode, FunctionNode

PROTOCOLS = ("asyncapi", "grpc", "http", "openapi", "a2a", "mcp")
_OUTPUTS = ("raw", "content", "response")


def read_call(
    piece: Piece, base: Base, names: Names, read_task: TaskReader
) -> ActivityNode | FunctionNode | None:
    """A call of a protocol, or of a function."""
    protocol = piece.member("call").text()
    if protocol is None:
        return None
    if protocol != "http":
        if protocol not in PROTOCOLS:
            return read_function_call(piece, base, names, read_task, PROTOCOLS)
        report_unsupported(piece.member("call"), f"`call: {protocol}`")
        return None
    if not piece.require(["with"], "the call"):
        return None
    arguments = _read_http(piece.member("with"), names.variables)
    return None if arguments is None else ActivityNode(**base, activity="http", arguments=arguments)


def _read_http(piece: Piece, variables: frozenset[str]) -> Template | None:
    """The arguments of an HTTP call ("HTTP Call" in the DSL reference)."""
    if piece.object() is None:
        return None
    piece.allow({"method", "endpoint", "headers", "body", "query", "output", "redirect"}, "an HTTP call")
    if not piece.require(["method", "endpoint"], "the HTTP call"):
        return None
    parts: dict[str, Template | None] = {"endpoint": _read_endpoint(piece.member("endpoint"), variables)}
    parts["method"] = _read_method(piece.member("method"), variables)
    for key in ("headers", "query"):
        if piece.has(key):
            parts[key] = _read_texts(piece.member(key), variables)
    if piece.has("body"):
        parts["body"] = read_template(piece.member("body"), variables)
    if piece.has("output"):
        parts["output"] = _literal(piece.member("output"), piece.member("output").choice(_OUTPUTS))
    if piece.has("redirect"):
        parts["redirect"] = _literal(piece.member("redirect"), piece.member("redirect").boolean())
    members = [(key, part) for key, part in parts.items() if part is not None]
    return Members(tuple(members)) if len(members) == len(parts) else None


def _read_method(piece: Piece, variables: frozenset[str]) -> Template | None:
    return None if piece.text() is None else read_template(piece, variables)


def _literal(piece: Piece, value: str | bool | None) -> Template | None:
    return None if value is None else Literal(value)


def _read_endpoint(piece: Piece, variables: frozenset[str]) -> Template | None:
    if isinstance(piece.value, str):
        return read_uri(piece, variables)
    if piece.object() is None or not piece.require(["uri"], "the endpoint"):
        return None
    piece.allow({"uri", "authentication"}, "an endpoint")
    if piece.has("authentication"):
        report_unsupported(piece.member("authentication"), "an endpoint's `authentication`")
    return read_uri(piece.member("uri"), variables)


def _read_texts(piece: Piece, variables: frozenset[str]) -> Template | None:
    """Headers or query: an object of texts, or an expression that gives one."""
    if isinstance(piece.value, str):
        return read_expression(piece, variables)
    if piece.object() is None:
        return None
    for key, value in (piece.object() or {}).items():
        if not isinstance(value, str):
            piece.member(key).report(
                f"found {kind_of(value)}", expected="a text", hint="put it in quotes, or use an expression"
            )
            return None
    return read_template(piece, variables)
