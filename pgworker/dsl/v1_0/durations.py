"""Durations of a document, and the timeouts made of them."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, did_you_mean, kind_of, listed
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.errors import Rule
from pgworker.expressions.durations import Duration, duration_from_object, parse_duration
from pgworker.expressions.templates import Expression, Interpolation, Literal, Members, Template
from pgworker.plan.nodes import Time
from pgworker.types import JsonValue


def read_duration(piece: Piece, variables: frozenset[str]) -> Time | None:
    """A duration: an object, ISO 8601 text, or an expression that gives one of them."""
    template = read_template(piece, variables)
    if template is None or isinstance(template, Expression | Interpolation):
        return template
    try:
        duration = _literal(_written(piece.value, template))
    except ValueError as error:
        piece.report(str(error), expected="a duration such as `PT30S` or `seconds: 30`")
        return None
    return duration if isinstance(template, Literal) else template


def read_timeout(piece: Piece, names: Names) -> Time | None:
    """A timeout: written out, or the name of one under ``use.timeouts``."""
    if isinstance(piece.value, str):
        if piece.value in names.timeouts:
            return names.timeouts[piece.value]
        piece.report(
            f"no timeout is named `{piece.value}`",
            expected="one of " + listed(names.timeouts) if names.timeouts else "an object with `after`",
            hint=did_you_mean(piece.value, names.timeouts) or "define it under `use.timeouts`",
            rule=Rule.NAME,
        )
        return None
    return read_limit(piece, names.variables)


def read_limit(piece: Piece, variables: frozenset[str]) -> Time | None:
    """A timeout that is written out."""
    if piece.object() is None or not piece.require(["after"], "the timeout"):
        return None
    piece.allow({"after"}, "a timeout")
    return read_duration(piece.member("after"), variables)


def _written(value: JsonValue, template: Template) -> JsonValue:
    """The value with 0 for each part that an expression gives."""
    if not isinstance(value, dict) or not isinstance(template, Members):
        return value
    return {key: 0 if isinstance(part, Expression) else value[key] for key, part in template.members}


def _literal(value: JsonValue) -> Duration:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, dict) and value:
        return duration_from_object(value)
    raise ValueError(f"found {kind_of(value)}")
