"""Finding the channel, the operation and the server of a call in an AsyncAPI document."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.activities.asyncapi.servers import choose_server, fill, spoken
from pgworker.activities.asyncapi.target import Server, Target
from pgworker.activities.openapi.references import Node, References
from pgworker.activities.request import named
from pgworker.dsl.diagnostics import suggest
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call says of its target: a channel or an operation, and maybe the server or its protocol."""

    channel: str | None
    operation: str | None
    server: str | None
    variables: JsonObject
    protocol: str | None
    publishes: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A channel and an operation on it; ``operation`` is null where the channel alone was asked for."""

    address: str
    channel: Node
    operation: Node
    servers: list[str]


async def find_target(root: Node, references: References, wish: Wish) -> Target:
    """What the call is about; raises ``Fault`` (configuration) for what the document does not have."""
    version = str(root.object.get("asyncapi"))
    if version.startswith("2."):
        found = await _in_version_2(root, references, wish)
    elif version.startswith("3."):
        found = await _in_version_3(root, references, wish)
    else:
        raise wrong(root, "is none: it has neither `asyncapi: 2.x` nor `asyncapi: 3.x`")
    server = await choose_server(root, references, found.servers, wish)
    messages = await _messages(references, found)
    content_type, correlation = await _message(root, references, messages)
    parameters = {name: await _parameter(references, found, name) for name in _parameters(found)}
    return Target(
        server=server,
        address=fill(found.address, {**parameters, **wish.variables}, root, "channel"),
        bindings=await _bindings(references, [found.channel, found.operation, *messages[:1]], server),
        content_type=content_type,
        correlation=correlation,
    )


async def _in_version_2(root: Node, references: References, wish: Wish) -> _Found:
    kind = "publish" if wish.publishes else "subscribe"
    channels = root.member("channels")
    for address in channels.object:
        channel = await references.resolve(channels.member(address))
        operation = await references.resolve(channel.member(kind))
        if wish.channel is not None:
            matches = address == wish.channel
        else:
            matches = operation.text("operationId") == wish.operation
        if matches and operation.value is not None:
            return _Found(address, channel, operation, _texts(channel.member("servers")))
        if matches:
            raise wrong(root, f"has a channel {address[:100]!r} without a {kind} operation")
    raise _missing(root, wish, list(channels.object))


async def _in_version_3(root: Node, references: References, wish: Wish) -> _Found:
    if wish.operation is not None:
        operations = root.member("operations")
        if wish.operation not in operations.object:
            raise _missing(root, wish, list(operations.object))
        operation = await references.resolve(operations.member(wish.operation))
        pointer = operation.member("channel").text("$ref") or ""
        channel = await references.resolve(operation.member("channel"))
        key = pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    else:
        channels = root.member("channels")
        if wish.channel is None or wish.channel not in channels.object:
            raise _missing(root, wish, list(channels.object))
        operation = Node(None, root.base)
        channel = await references.resolve(channels.member(wish.channel))
        key = wish.channel
    servers = [(item.text("$ref") or "").rpartition("/")[2] for item in channel.member("servers").items()]
    return _Found(channel.text("address") or key, channel, operation, servers)


async def _message(root: Node, references: References, messages: list[Node]) -> tuple[str, str | None]:
    """The content type of the messages, and where their correlation id is."""
    content_type = root.text("defaultContentType") or "application/json"
    correlation: str | None = None
    for node in messages:
        content_type = node.text("contentType") or content_type
        where = await references.resolve(node.member("correlationId"))
        correlation = correlation or where.text("location")
        if correlation is not None:
            break
    return content_type, correlation


async def _messages(references: References, found: _Found) -> list[Node]:
    of_operation = found.operation.member("message")
    if of_operation.value is not None:
        message = await references.resolve(of_operation)
        choices = list(message.member("oneOf").items())
        return [await references.resolve(choice) for choice in choices] or [message]
    listed = list(found.operation.member("messages").items())
    if not listed:
        of_channel = found.channel.member("messages")
        listed = [of_channel.member(key) for key in of_channel.object]
    return [await references.resolve(item) for item in listed]


async def _bindings(references: References, levels: list[Node], server: Server) -> JsonObject:
    bindings: JsonObject = {}
    for level in levels:
        node = await references.resolve(level.member("bindings"))
        for key in (spoken(server.protocol), server.protocol):
            bindings |= (await references.resolve(node.member(key))).object
    return bindings


def _parameters(found: _Found) -> list[str]:
    return list(found.channel.member("parameters").object)


async def _parameter(references: References, found: _Found, name: str) -> JsonValue:
    node = await references.resolve(found.channel.member("parameters").member(name))
    default = node.object.get("default")
    return default if default is not None else node.member("schema").object.get("default")


def _texts(node: Node) -> list[str]:
    return [item.value for item in node.items() if isinstance(item.value, str)]


def _missing(root: Node, wish: Wish, known: list[str]) -> Fault:
    name = wish.operation if wish.operation is not None else wish.channel
    what = "operation" if wish.operation is not None else "channel"
    hint = suggest(str(name), known)
    detail = f"has no {what} {str(name)[:100]!r}"
    return wrong(root, detail if hint is None else f"{detail}; {hint}")


def wrong(root: Node, what: str) -> Fault:
    """The fault of a document that cannot be used."""
    return Fault(FaultKind.CONFIGURATION, f"the AsyncAPI document {named(root.base)!r} {what}")
