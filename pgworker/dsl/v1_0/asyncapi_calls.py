"""``call: asyncapi`` ("AsyncAPI Call" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.dataflow import read_dataflow
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_expression, read_template, read_variable
from pgworker.dsl.v1_0.names import ListReader, Names
from pgworker.dsl.v1_0.shapes import check_objects, check_texts, literal, only_one
from pgworker.dsl.v1_0.unsupported import report_unsupported
from pgworker.errors import Rule
from pgworker.expressions.durations import Duration
from pgworker.expressions.sealing import SECRETS
from pgworker.expressions.templates import Deferred, Literal, Members, Template

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


def read_asyncapi(piece: Piece, names: Names, read_task_list: ListReader) -> Template | None:
    """The arguments of an AsyncAPI call: it publishes a message, or subscribes to some."""
    if piece.object() is None:
        return None
    piece.allow(_MEMBERS, "an AsyncAPI call")
    complete = piece.require(["document"], "the AsyncAPI call")
    where = only_one(piece, ("operation", "channel"), "an AsyncAPI call")
    what = only_one(piece, ("message", "subscription"), "an AsyncAPI call")
    parts: dict[str, Template | None] = {}
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
        parts["subscription"] = _read_subscription(piece.member("subscription"), names, read_task_list)
    if piece.has("authentication"):
        parts["authentication"] = read_authentication(piece.member("authentication"), names)
    if not complete or where is None or what is None:
        return None
    return _members(parts)


def _members(parts: dict[str, Template | None]) -> Template | None:
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return Members(members) if len(members) == len(parts) else None


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


def _read_subscription(piece: Piece, names: Names, read_task_list: ListReader) -> Template | None:
    if piece.object() is None:
        return None
    piece.allow({"filter", "consume", "foreach"}, "a subscription")
    parts: dict[str, Template | None] = {}
    complete = piece.require(["consume"], "the subscription")
    if piece.has("filter"):
        parts["filter"] = _read_deferred(piece.member("filter"), names)
    if piece.has("consume"):
        parts["consume"] = _read_consumption(piece.member("consume"), names)
    if piece.has("foreach"):
        _check_iterator(piece.member("foreach"), names, read_task_list)
        report_unsupported(piece.member("foreach"), "`foreach` of a subscription")
        return None
    return _members(parts) if complete else None


def _read_consumption(piece: Piece, names: Names) -> Template | None:
    """How many messages, or for how long."""
    if piece.object() is None:
        return None
    piece.allow({"for", "amount", "while", "until"}, "`consume`")
    parts: dict[str, Template | None] = {}
    which = only_one(piece, ("amount", "while", "until"), "`consume`")
    if which == "amount":
        amount = piece.member("amount").integer()
        parts[which] = None if amount is None else Literal(amount)
    elif which is not None:
        parts[which] = _read_deferred(piece.member(which), names)
    if piece.has("for"):
        duration = piece.member("for")
        time = read_duration(duration, names.variables)
        parts["for"] = Literal(duration.value) if isinstance(time, Duration) else time
    return None if which is None else _members(parts)


def _read_deferred(piece: Piece, names: Names) -> Template | None:
    """An expression about messages, which is evaluated as they come."""
    expression = read_expression(piece, names.variables)
    if expression is None:
        return None
    if SECRETS in expression.program.variables:
        piece.report(
            "this expression reads secrets",
            expected="one that does not",
            hint="history keeps what it reads",
            rule=Rule.EXPRESSION,
        )
        return None
    return Deferred(expression.program)


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
