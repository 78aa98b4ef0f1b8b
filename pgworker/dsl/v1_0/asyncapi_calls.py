"""``call: asyncapi`` ("AsyncAPI Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import ListReader, Names
from pgworker.dsl.v1_0.shapes import check_objects, check_texts, literal, only_one
from pgworker.dsl.v1_0.subscriptions import Subscription, members_of, read_subscription, subscribe_node
from pgworker.expressions.sealing import sealed
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import ActivityNode, SubscribeNode

_MEMBERS = frozenset(
    {
        "document",
        "channel",
        "operation",
        "server",
        "protocol",
        "message",
        "subscription",
        "authentication",
    }
)
_PROTOCOLS = (
    "amqp",
    "amqp1",
    "anypointmq",
    "googlepubsub",
    "http",
    "ibmmq",
    "jms",
    "kafka",
    "mercure",
    "mqtt",
    "mqtt5",
    "nats",
    "pulsar",
    "redis",
    "sns",
    "solace",
    "sqs",
    "stomp",
    "ws",
)


def read_asyncapi(
    piece: Piece, base: Base, names: Names, read_list: ListReader
) -> ActivityNode | SubscribeNode | None:
    """An AsyncAPI call: it publishes a message, or subscribes to some and maybe does something with each."""
    if piece.object() is None:
        return None
    piece.allow(_MEMBERS, "an AsyncAPI call")
    complete = piece.require(["document"], "the AsyncAPI call")
    where = only_one(piece, ("operation", "channel"), "an AsyncAPI call")
    what = only_one(piece, ("message", "subscription"), "an AsyncAPI call")
    parts: dict[str, Template | None] = {}
    subscription: Subscription | None = None
    for key in ("channel", "operation"):
        if piece.has(key):
            parts[key] = _read_text(piece.member(key), names)
    if piece.has("document"):
        parts["document"] = read_resource(piece.member("document"), names)
    if piece.has("server"):
        parts["server"] = _read_server(piece.member("server"), names)
    if piece.has("protocol"):
        parts["protocol"] = literal(piece.member("protocol").choice(_PROTOCOLS))
    if piece.has("message"):
        parts["message"] = _read_message(piece.member("message"), names)
    if piece.has("subscription"):
        subscription = read_subscription(piece.member("subscription"), names, read_list)
        parts["subscription"] = None if subscription is None else subscription.arguments
    if piece.has("authentication"):
        parts["authentication"] = read_authentication(piece.member("authentication"), names)
    arguments = members_of(parts)
    if not complete or where is None or what is None or arguments is None:
        return None
    if subscription is None or subscription.foreach is None:
        open_arguments, seals = sealed(arguments)
        return ActivityNode(**base, activity="asyncapi", arguments=open_arguments, sealed=seals)
    return subscribe_node(base, names, arguments, subscription.lifetime, subscription.foreach)


def _read_text(piece: Piece, names: Names) -> Template | None:
    return None if piece.text() is None else read_template(piece, names.variables)


def _read_server(piece: Piece, names: Names) -> Template | None:
    if piece.object() is None:
        return None
    piece.allow({"name", "variables"}, "a server")
    complete = piece.require(["name"], "the server")
    check_texts(piece, ["name"])
    check_objects(piece, ["variables"])
    template = read_template(piece, names.variables)
    return template if complete else None


def _read_message(piece: Piece, names: Names) -> Template | None:
    if piece.object() is None:
        return None
    piece.allow({"payload", "headers"}, "a message")
    check_objects(piece, ["payload", "headers"])
    return read_template(piece, names.variables)
