"""``call: a2a`` and ``call: mcp``: agents and their tools ("A2A Call", "MCP Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.endpoints import read_endpoint, read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import check_list_of_texts, check_map_of_texts, check_texts, literal, only_one
from pgworker.expressions.durations import Duration
from pgworker.expressions.templates import Literal, Members, Template
from pgworker.plan.nodes import Time

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


def read_a2a(piece: Piece, names: Names) -> Template | None:
    """The arguments of a call to an agent: the server's policy travels beside it, as ``authentication``.

    A server is passed over where there is an agent card, as the reference wants it.
    """
    if piece.object() is None:
        return None
    piece.allow({"agentCard", "server", "method", "parameters"}, "an A2A call")
    complete = piece.require(["method"], "the A2A call")
    if not piece.has("agentCard") and not piece.has("server"):
        piece.report("the A2A call lacks an agent", hint="add `agentCard:` or `server:`")
        complete = False
    parts: dict[str, Template | None] = {}
    if piece.has("method"):
        parts["method"] = literal(piece.member("method").choice(_A2A_METHODS))
    if piece.has("agentCard"):
        parts["agentCard"] = read_resource(piece.member("agentCard"), names)
    if piece.has("server"):
        server = read_endpoint(piece.member("server"), names)
        endpoint: dict[str, Template | None] = {"endpoint": None}
        if server is not None:
            endpoint = dict(server.members())
        parts |= {} if piece.has("agentCard") and server is not None else endpoint
    if piece.has("parameters"):
        parts["parameters"] = _read_parameters(piece.member("parameters"), names)
        if piece.member("parameters").value == {}:
            piece.member("parameters").report("there are no parameters", hint="leave `parameters` out")
            return None
    return _members(parts) if complete else None


def read_mcp(piece: Piece, names: Names) -> Template | None:
    """The arguments of an MCP call; unlike others, the schema leaves its objects open."""
    if piece.object() is None:
        return None
    complete = piece.require(["method", "transport"], "the MCP call")
    parts: dict[str, Template | None] = {}
    if piece.has("protocolVersion"):
        parts["protocolVersion"] = _read_text(piece.member("protocolVersion"), names)
    if piece.has("method"):
        parts["method"] = literal(piece.member("method").choice(_MCP_METHODS))
    if piece.has("parameters"):
        parts["parameters"] = _read_parameters(piece.member("parameters"), names)
    if piece.has("timeout"):
        parts["timeout"] = _template(read_duration(piece.member("timeout"), names.variables))
    if piece.has("transport"):
        parts |= _read_transport(piece.member("transport"), names)
    if piece.has("client"):
        parts["client"] = _read_client(piece.member("client"), names)
    return _members(parts) if complete else None


def _members(parts: dict[str, Template | None]) -> Template | None:
    """All parts together; None if something was reported in one of them."""
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return Members(members) if len(members) == len(parts) else None


def _read_text(piece: Piece, names: Names) -> Template | None:
    return None if piece.text() is None else read_template(piece, names.variables)


def _template(time: Time | None) -> Template | None:
    """A duration that is written down travels as ISO 8601 text."""
    return Literal(time.to_iso()) if isinstance(time, Duration) else time


def _read_parameters(piece: Piece, names: Names) -> Template | None:
    if isinstance(piece.value, str | dict):
        return read_template(piece, names.variables)
    piece.report(f"found {kind_of(piece.value)}", expected="an object, or an expression")
    return None


def _read_client(piece: Piece, names: Names) -> Template | None:
    if piece.object() is None or not piece.require(["name", "version"], "the client"):
        return None
    return _members({key: _read_text(piece.member(key), names) for key in ("name", "version")})


def _read_transport(piece: Piece, names: Names) -> dict[str, Template | None]:
    """The one transport, under its name, and the ``authentication`` of its endpoint if it has one.

    No options are known to either of them: they are checked, and passed over.
    """
    if piece.object() is None:
        return {"transport": None}
    kind = only_one(piece, ("http", "stdio"), "a transport")
    if piece.has("options"):
        check_map_of_texts(piece.member("options"))
    http = _read_http(piece.member("http"), names) if piece.has("http") else {}
    stdio = {"stdio": _read_stdio(piece.member("stdio"), names)} if piece.has("stdio") else {}
    return http | stdio if kind is not None else {"transport": None}


def _read_http(piece: Piece, names: Names) -> dict[str, Template | None]:
    if piece.object() is None or not piece.require(["endpoint"], "the transport"):
        return {"http": None}
    endpoint = read_endpoint(piece.member("endpoint"), names)
    parts: dict[str, Template | None] = {} if endpoint is None else dict(endpoint.members())
    authentication = {key: parts.pop(key) for key in ("authentication",) if key in parts}
    if piece.has("headers"):
        headers = piece.member("headers")
        parts["headers"] = read_template(headers, names.variables) if check_map_of_texts(headers) else None
    return {"http": None if endpoint is None else _members(parts)} | authentication


def _read_stdio(piece: Piece, names: Names) -> Template | None:
    if piece.object() is None:
        return None
    before = len(piece.problems)
    piece.require(["command"], "the transport")
    check_texts(piece, [key for key in ("command",) if piece.has(key)])
    if piece.has("arguments"):
        check_list_of_texts(piece.member("arguments"))
    if piece.has("environment"):
        check_map_of_texts(piece.member("environment"))
    template = read_template(piece, names.variables)
    return template if len(piece.problems) == before else None
