"""``call``: work done outside, by protocol."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.dsl.reading import Piece, did_you_mean
from pgworker.dsl.v1_0.agent_calls import check_a2a, check_mcp
from pgworker.dsl.v1_0.asyncapi_calls import TaskListReader, check_asyncapi
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.grpc_calls import check_grpc
from pgworker.dsl.v1_0.http_calls import read_http
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.openapi_calls import read_openapi
from pgworker.dsl.v1_0.unsupported import report_unsupported
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import ActivityNode

_READERS: dict[str, Callable[[Piece, Names], Template | None]] = {"http": read_http, "openapi": read_openapi}
_CHECKS: dict[str, Callable[[Piece, Names], None]] = {
    "grpc": check_grpc,
    "a2a": check_a2a,
    "mcp": check_mcp,
}
PROTOCOLS = (*_READERS, *_CHECKS, "asyncapi")


def read_call(piece: Piece, base: Base, names: Names, read_task_list: TaskListReader) -> ActivityNode | None:
    """A call of a protocol that this engine speaks; what it does not speak is checked all the same."""
    protocol = piece.member("call").text()
    if protocol is None:
        return None
    if protocol not in PROTOCOLS:
        _refuse_function(piece, protocol)
        return None
    if not piece.require(["with"], "the call"):
        return None
    arguments = piece.member("with")
    if protocol in _READERS:
        template = _READERS[protocol](arguments, names)
        return None if template is None else ActivityNode(**base, activity=protocol, arguments=template)
    if protocol in _CHECKS:
        _CHECKS[protocol](arguments, names)
    else:
        check_asyncapi(arguments, names, read_task_list)
    report_unsupported(piece.member("call"), f"`call: {protocol}`")
    return None


def _refuse_function(piece: Piece, name: str) -> None:
    if piece.has("with"):
        piece.member("with").object()
    hint = did_you_mean(name, PROTOCOLS)
    if hint is not None:
        piece.member("call").report(f"`{name}` is no protocol and no function", hint=hint)
    else:
        report_unsupported(piece.member("call"), f"`call: {name}`")
