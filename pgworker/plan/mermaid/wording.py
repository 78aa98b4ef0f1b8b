"""Wording: what a definition says in its expressions, templates and durations, as it was written."""

from __future__ import annotations

import orjson

from pgworker.expressions.durations import Duration
from pgworker.expressions.jq import Program
from pgworker.expressions.templates import (
    Expression,
    Interpolation,
    Items,
    Literal,
    Members,
    Template,
    UriTemplate,
)
from pgworker.plan.listening import Strategy
from pgworker.plan.nodes import Lifetime, Time


def worded(template: Template) -> str:
    """A template as text: expressions as they are, in other text in ``${ }``, values as JSON.

    >>> worded(Literal({"a": 1})), worded(Literal("text"))
    ('{"a":1}', 'text')
    """
    match template:
        case Literal(value=str() as text):
            return text
        case Expression(program=program):
            return program.text
        case Interpolation(parts=parts) | UriTemplate(parts=parts):
            return "".join(_braced(part) if isinstance(part, Program) else part for part in parts)
        case _:
            return _inside(template)


def span(time: Time) -> str:
    """A span of time: ISO 8601, or the template that gives it."""
    return time.to_iso() if isinstance(time, Duration) else worded(time)


def member(template: Template, name: str) -> str:
    """One member of an object, as text; empty if there is none."""
    match template:
        case Members(members=members):
            return next((worded(one) for key, one in members if key == name), "")
        case Literal(value=dict() as value) if name in value:
            return worded(Literal(value[name]))
        case _:
            return ""


def _inside(template: Template) -> str:
    match template:
        case Literal(value=value):
            return orjson.dumps(value).decode()
        case Members(members=members):
            return "{" + ",".join(f"{_quoted(key)}:{_inside(one)}" for key, one in members) + "}"
        case Items(items=items):
            return "[" + ",".join(_inside(one) for one in items) + "]"
        case Expression(program=program):
            return _quoted(_braced(program))
        case _:
            return _quoted(worded(template))


def _braced(program: Program) -> str:
    return f"${{ {program.text} }}"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def events_line(strategy: Strategy) -> str:
    """Which CloudEvents are listened for, and until when."""
    types = ", ".join(filter_.type or "any type" for filter_ in strategy.filters)
    match strategy.until:
        case None:
            until = ""
        case Strategy():
            until = f" until {events_line(strategy.until)}"
        case _:
            until = f" until {worded(strategy.until)}"
    return f"{strategy.mode} of {types}{until}"


def lifetime_line(lifetime: Lifetime) -> str:
    """How many messages are consumed, and until when."""
    told = ["messages" if lifetime.amount is None else f"{lifetime.amount} messages"]
    if lifetime.lasts is not None:
        told.append(f"for {span(lifetime.lasts)}")
    if lifetime.while_ is not None:
        told.append(f"while {worded(lifetime.while_)}")
    if lifetime.until is not None:
        told.append(f"until {worded(lifetime.until)}")
    return " ".join(told)
