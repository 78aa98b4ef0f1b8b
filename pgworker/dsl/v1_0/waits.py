"""``wait``: how long."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.expressions.durations import Duration, duration_from_object, parse_duration
from pgworker.expressions.templates import Literal, Template
from pgworker.plan.nodes import WaitNode
from pgworker.types import JsonValue


def read_wait(piece: Piece, base: Base, names: Names) -> WaitNode | None:
    """A wait for a duration that is written down, or that an expression gives."""
    duration = _read_duration(piece, names.variables)
    return None if duration is None else WaitNode(**base, duration=duration)


def _read_duration(piece: Piece, variables: frozenset[str]) -> Duration | Template | None:
    template = read_template(piece, variables)
    if template is None or not isinstance(template, Literal):
        return template
    try:
        return _literal(piece.value)
    except ValueError as error:
        piece.report(str(error), expected="a duration such as `PT30S` or `seconds: 30`")
        return None


def _literal(value: JsonValue) -> Duration:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, dict) and value:
        return duration_from_object(value)
    raise ValueError(f"found {kind_of(value)}")
