"""``call``: work done outside, by protocol."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.agent_calls import read_a2a, read_mcp
from pgworker.dsl.v1_0.asyncapi_calls import read_asyncapi
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.functions import read_function_call
from pgworker.dsl.v1_0.grpc_calls import read_grpc
from pgworker.dsl.v1_0.http_calls import read_http
from pgworker.dsl.v1_0.names import ListReader, Names, TaskReader
from pgworker.dsl.v1_0.openapi_calls import read_openapi
from pgworker.expressions.sealing import sealed
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import ActivityNode, FunctionNode, SubscribeNode

_READERS: dict[str, Callable[[Piece, Names], Template | None]] = {
    "http": read_http,
    "openapi": read_openapi,
    "grpc": read_grpc,
    "a2a": read_a2a,
    "mcp": read_mcp,
}
PROTOCOLS = (*_READERS, "asyncapi")


def read_call(
    piece: Piece, base: Base, names: Names, read_task: TaskReader, read_list: ListReader
) -> ActivityNode | FunctionNode | SubscribeNode | None:
    """A call of a protocol, or of a function."""
    protocol = piece.member("call").text()
    if protocol is None:
        return None
    if protocol not in PROTOCOLS:
        return read_function_call(piece, base, names, read_task, PROTOCOLS)
    if not piece.require(["with"], "the call"):
        return None
    arguments = piece.member("with")
    if protocol == "asyncapi":
        return read_asyncapi(arguments, base, names, read_list)
    template = _READERS[protocol](arguments, names)
    if template is None:
        return None
    open_arguments, seals = sealed(template)
    return ActivityNode(**base, activity=protocol, arguments=open_arguments, sealed=seals)
