"""``call: asyncapi`` ("AsyncAPI Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.dataflow import read_dataflow
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_expression, read_template, read_variable
from pgworker.dsl.v1_0.names import ListReader, Names
from pgworker.dsl.v1_0.shapes import check_objects, check_texts, only_one

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


def check_asyncapi(piece: Piece, names: Names, read_task_list: ListReader) -> None:
    """The arguments of an AsyncAPI call: it publishes a message, or subscribes to some."""
    if piece.object() is None:
        return
    piece.allow(_MEMBERS, "an AsyncAPI call")
    piece.require(["document"], "the AsyncAPI call")
    only_one(piece, ("operation", "channel"), "an AsyncAPI call")
    only_one(piece, ("message", "subscription"), "an AsyncAPI call")
    check_texts(piece, ["channel", "operation"])
    if piece.has("document"):
        read_resource(piece.member("document"), names)
    if piece.has("server"):
        _check_server(piece.member("server"), names)
    if piece.has("protocol"):
        piece.member("protocol").choice(_PROTOCOLS)
    if piece.has("message"):
        _check_message(piece.member("message"), names)
    if piece.has("subscription"):
        _check_subscription(piece.member("subscription"), names, read_task_list)
    if piece.has("authentication"):
        read_authentication(piece.member("authentication"), names)


def _check_server(piece: Piece, names: Names) -> None:
    if piece.object() is None:
        return
    piece.allow({"name", "variables"}, "a server")
    piece.require(["name"], "the server")
    check_texts(piece, ["name"])
    check_objects(piece, ["variables"])
    read_template(piece, names.variables)


def _check_message(piece: Piece, names: Names) -> None:
    if piece.object() is None:
        return
    piece.allow({"payload", "headers"}, "a message")
    check_objects(piece, ["payload", "headers"])
    read_template(piece, names.variables)


def _check_subscription(piece: Piece, names: Names, read_task_list: ListReader) -> None:
    if piece.object() is None:
        return
    piece.allow({"filter", "consume", "foreach"}, "a subscription")
    piece.require(["consume"], "the subscription")
    if piece.has("filter"):
        read_expression(piece.member("filter"), names.variables)
    if piece.has("consume"):
        _check_consumption(piece.member("consume"), names)
    if piece.has("foreach"):
        _check_iterator(piece.member("foreach"), names, read_task_list)


def _check_consumption(piece: Piece, names: Names) -> None:
    """How many messages, or for how long."""
    if piece.object() is None:
        return
    piece.allow({"for", "amount", "while", "until"}, "`consume`")
    which = only_one(piece, ("amount", "while", "until"), "`consume`")
    if which == "amount":
        piece.member("amount").integer()
    elif which is not None:
        read_expression(piece.member(which), names.variables)
    if piece.has("for"):
        read_duration(piece.member("for"), names.variables)


def _check_iterator(piece: Piece, names: Names, read_task_list: ListReader) -> None:
    if piece.object() is None:
        return
    piece.allow({"item", "at", "do", "output", "export"}, "`foreach`")
    item = read_variable(piece.member("item")) if piece.has("item") else "item"
    at = read_variable(piece.member("at")) if piece.has("at") else "index"
    inside = names.within(*(name for name in (item, at) if name is not None))
    read_dataflow(piece, inside)
    if piece.has("do"):
        read_task_list(piece.member("do"), inside)
