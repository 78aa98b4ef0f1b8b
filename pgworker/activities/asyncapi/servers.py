"""The server of a call: the one that it names, or the first that speaks its protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pgworker.activities.asyncapi.target import Server
from pgworker.activities.openapi.references import Node, References
from pgworker.activities.request import named
from pgworker.activities.uris import parts_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

if TYPE_CHECKING:
    from pgworker.activities.asyncapi.document import Wish

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_SECURED = {
    "https": "http",
    "wss": "ws",
    "mqtts": "mqtt",
    "secure-mqtt": "mqtt",
    "mqtt5": "mqtt",
    "tls": "nats",
    "rediss": "redis",
    "amqps": "amqp",
    "kafka-secure": "kafka",
}
"""Protocols by what is spoken below; whoever asks for the one takes the other as well."""


def spoken(protocol: str) -> str:
    """What is spoken, encrypted or not.

    >>> spoken("wss")
    'ws'
    """
    return _SECURED.get(protocol.lower(), protocol.lower())


async def choose_server(root: Node, references: References, usable: list[str], wish: Wish) -> Server:
    """The server, filled in; ``usable`` are those that the channel is on, all if it is empty."""
    servers = root.member("servers")
    if wish.server is not None:
        if wish.server not in servers.object:
            raise _wrong(root, f"has no server {wish.server[:100]!r}")
        node = await _with_variables(references, servers, wish.server)
        return await _server(root, references, wish.server, node, wish)
    for name in usable or servers.object:
        node = await _with_variables(references, servers, name)
        protocol = node.text("protocol") or ""
        if wish.protocol is None or spoken(protocol) == spoken(wish.protocol):
            return await _server(root, references, name, node, wish)
    what = "" if wish.protocol is None else f" that speaks {wish.protocol}"
    raise _wrong(root, f"has no server{what} for this channel")


async def _with_variables(references: References, servers: Node, name: str) -> Node:
    """A server in which each variable is what it refers to."""
    node = await references.resolve(servers.member(name))
    variables = node.member("variables")
    resolved: JsonObject = {
        key: (await references.resolve(variables.member(key))).value for key in variables.object
    }
    return Node({**node.object, "variables": resolved}, node.base)


async def _server(root: Node, references: References, name: str, node: Node, wish: Wish) -> Server:
    values = _values(root, name, node, wish.variables)
    protocol = (node.text("protocol") or "").lower()
    bindings = node.member("bindings").member(spoken(protocol)).object
    security = await _security(root, references, node)
    url = node.text("url")
    if url is None:
        host = fill(node.text("host") or "", values, root, "server")
        path = fill(node.text("pathname") or "", values, root, "server")
        return Server(name, protocol, host, path, bindings, security)
    parts = parts_of(url if "//" in url else f"//{url}")
    netloc = fill(parts.netloc, values, root, "server")
    path = fill(parts.path, values, root, "server")
    return Server(name, protocol, netloc.rpartition("@")[2], path, bindings, security)


async def _security(root: Node, references: References, node: Node) -> tuple[str, ...]:
    """The types of a server's security schemes: 3.x has them there, 2.x names those of the components."""
    schemes = root.member("components").member("securitySchemes")
    types: list[str | None] = []
    for item in node.member("security").items():
        named_ones = [schemes.member(name) for name in item.object if name in schemes.object]
        for scheme in named_ones or [item]:
            types.append((await references.resolve(scheme)).text("type"))
    return tuple(one for one in types if one is not None)


def _values(root: Node, name: str, node: Node, given: JsonObject) -> JsonObject:
    """The variables of a server: what is given, or else their defaults; a value must be one of its enum."""
    variables = node.member("variables")
    values: JsonObject = dict(given)
    for key in variables.object:
        variable = variables.member(key)
        value = given.get(key, variable.object.get("default"))
        allowed = [item.value for item in variable.member("enum").items()]
        if allowed and value not in allowed:
            raise _wrong(root, f"has a server {name!r} whose variable {key!r} cannot be {str(value)[:60]!r}")
        values[key] = value
    return values


def fill(text: str, values: Mapping[str, JsonValue], root: Node, what: str) -> str:
    """A text with the values of its ``{variables}``; raises ``Fault`` (configuration) for one without."""

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1])
        if not isinstance(known, str | int | float):
            raise _wrong(root, f"has a {what} whose variable {found[1][:60]!r} has no value and no default")
        return str(known)

    return _VARIABLE.sub(value, text)


def _wrong(root: Node, what: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, f"the AsyncAPI document {named(root.base)!r} {what}")
