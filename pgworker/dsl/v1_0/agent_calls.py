"""``call: a2a`` and ``call: mcp``: agents and their tools ("A2A Call", "MCP Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.endpoints import read_endpoint, read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import check_list_of_texts, check_map_of_texts, check_texts, only_one

_A2A_METHODS = (
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
)
_MCP_METHODS = (
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
)


def check_a2a(piece: Piece, names: Names) -> None:
    """The arguments of a call to an agent."""
    if piece.object() is None:
        return
    piece.allow({"agentCard", "server", "method", "parameters"}, "an A2A call")
    piece.require(["method"], "the A2A call")
    if piece.has("method"):
        piece.member("method").choice(_A2A_METHODS)
    if piece.has("agentCard"):
        read_resource(piece.member("agentCard"), names)
    if piece.has("server"):
        read_endpoint(piece.member("server"), names)
    if piece.has("parameters"):
        _check_parameters(piece.member("parameters"), names)
        if piece.member("parameters").value == {}:
            piece.member("parameters").report("there are no parameters", hint="leave `parameters` out")


def check_mcp(piece: Piece, names: Names) -> None:
    """The arguments of a call to an MCP server; unlike others, the schema leaves its objects open."""
    if piece.object() is None:
        return
    piece.require(["method", "transport"], "the MCP call")
    check_texts(piece, ["protocolVersion"])
    if piece.has("method"):
        piece.member("method").choice(_MCP_METHODS)
    if piece.has("parameters"):
        _check_parameters(piece.member("parameters"), names)
    if piece.has("timeout"):
        read_duration(piece.member("timeout"), names.variables)
    if piece.has("transport"):
        _check_transport(piece.member("transport"), names)
    client = piece.member("client")
    if piece.has("client") and client.object() is not None:
        client.require(["name", "version"], "the client")
        check_texts(client, ["name", "version"])


def _check_parameters(piece: Piece, names: Names) -> None:
    if isinstance(piece.value, str | dict):
        read_template(piece, names.variables)
    else:
        piece.report(f"found {kind_of(piece.value)}", expected="an object, or an expression")


def _check_transport(piece: Piece, names: Names) -> None:
    if piece.object() is None:
        return
    only_one(piece, ("http", "stdio"), "a transport")
    if piece.has("http"):
        _check_http(piece.member("http"), names)
    if piece.has("stdio"):
        _check_stdio(piece.member("stdio"), names)
    if piece.has("options"):
        check_map_of_texts(piece.member("options"))


def _check_http(piece: Piece, names: Names) -> None:
    if piece.object() is None:
        return
    if piece.require(["endpoint"], "the transport"):
        read_endpoint(piece.member("endpoint"), names)
    if piece.has("headers") and check_map_of_texts(piece.member("headers")):
        read_template(piece.member("headers"), names.variables)


def _check_stdio(piece: Piece, names: Names) -> None:
    if piece.object() is None:
        return
    piece.require(["command"], "the transport")
    check_texts(piece, ["command"])
    if piece.has("arguments"):
        check_list_of_texts(piece.member("arguments"))
    if piece.has("environment"):
        check_map_of_texts(piece.member("environment"))
    read_template(piece, names.variables)
