"""``subscription`` of an AsyncAPI call: which messages, how many, and what is done with each."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.expressions import read_expression
from pgworker.dsl.v1_0.listening import read_foreach
from pgworker.dsl.v1_0.names import ListReader, Names
from pgworker.dsl.v1_0.shapes import only_one
from pgworker.errors import Rule
from pgworker.expressions.durations import Duration
from pgworker.expressions.sealing import SECRETS, sealed
from pgworker.expressions.templates import Deferred, Expression, Literal, Members, Template
from pgworker.plan.nodes import DataFlow, Foreach, Lifetime, Next, ReceiveNode, SubscribeNode, TaskList

_RECEIVE = "messages"
_ONE: Template = Literal({"amount": 1})


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it was read; ``arguments`` is what the activity is given of it.

    With ``foreach`` the activity is performed for each message anew, and it is the engine that counts.
    """

    arguments: Template
    lifetime: Lifetime
    foreach: Foreach | None


def read_subscription(piece: Piece, names: Names, read_list: ListReader) -> Subscription | None:
    """The member ``subscription``; None if something in it was reported."""
    if piece.object() is None:
        return None
    piece.allow({"filter", "consume", "foreach"}, "a subscription")
    parts: dict[str, Template | None] = {}
    complete = piece.require(["consume"], "the subscription")
    if piece.has("filter"):
        parts["filter"] = _deferred(_read_condition(piece.member("filter"), names))
    lifetime = _read_lifetime(piece.member("consume"), names) if piece.has("consume") else None
    foreach = read_foreach(piece.member("foreach"), names, read_list) if piece.has("foreach") else None
    if not complete or lifetime is None or (piece.has("foreach") and foreach is None):
        return None
    parts["consume"] = _consume(piece.member("consume"), lifetime) if foreach is None else _ONE
    arguments = members_of(parts)
    return None if arguments is None else Subscription(arguments, lifetime, foreach)


def subscribe_node(
    base: Base, names: Names, arguments: Template, lifetime: Lifetime, foreach: Foreach
) -> SubscribeNode:
    """The node of a call that does something with each message."""
    open_arguments, seals = sealed(arguments)
    place = f"{base['reference']}/with/subscription/consume"
    receive = ReceiveNode(
        name=_RECEIVE,
        reference=f"{place}/{_RECEIVE}",
        kind=base["kind"],
        definition=base["definition"],
        then=Next(),
        flow=DataFlow(),
        activity="asyncapi",
        arguments=open_arguments,
        sealed=seals,
    )
    tasks = TaskList(place, MappingProxyType({_RECEIVE: receive}), _RECEIVE)
    names.lists[place] = tasks
    return SubscribeNode(**base, receive=tasks, lifetime=lifetime, foreach=foreach)


def members_of(parts: dict[str, Template | None]) -> Template | None:
    """The template of an object; None if one of its members was reported."""
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return Members(members) if len(members) == len(parts) else None


def _read_lifetime(piece: Piece, names: Names) -> Lifetime | None:
    """How many messages, or for how long ("AsyncAPI Subscription Lifetime" in the DSL reference)."""
    if piece.object() is None:
        return None
    piece.allow({"for", "amount", "while", "until"}, "`consume`")
    which = only_one(piece, ("amount", "while", "until"), "`consume`")
    amount = piece.member("amount").integer() if piece.has("amount") else None
    while_ = _read_condition(piece.member("while"), names) if piece.has("while") else None
    until = _read_condition(piece.member("until"), names) if piece.has("until") else None
    lasts = read_duration(piece.member("for"), names.variables) if piece.has("for") else None
    read = {"amount": amount, "while": while_, "until": until, "for": lasts}
    if which is None or any(piece.has(key) and value is None for key, value in read.items()):
        return None
    return Lifetime(amount=amount, lasts=lasts, while_=while_, until=until)


def _consume(piece: Piece, lifetime: Lifetime) -> Template:
    """What who performs the activity has to know of the lifetime."""
    lasts = Literal(piece.member("for").value) if isinstance(lifetime.lasts, Duration) else lifetime.lasts
    parts = {
        "amount": None if lifetime.amount is None else Literal(lifetime.amount),
        "while": _deferred(lifetime.while_),
        "until": _deferred(lifetime.until),
        "for": lasts,
    }
    return Members(tuple((key, part) for key, part in parts.items() if part is not None))


def _deferred(expression: Expression | None) -> Template | None:
    return None if expression is None else Deferred(expression.program)


def _read_condition(piece: Piece, names: Names) -> Expression | None:
    """An expression about messages, which is evaluated as they come."""
    expression = read_expression(piece, names.variables)
    if expression is not None and SECRETS in expression.program.variables:
        piece.report(
            "this expression reads secrets",
            expected="one that does not",
            hint="history keeps what it reads",
            rule=Rule.EXPRESSION,
        )
        return None
    return expression
