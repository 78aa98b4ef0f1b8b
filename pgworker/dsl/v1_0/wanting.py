"""Resources that a definition is made of: they are loaded once, before it is compiled for good."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.endpoints import read_endpoint
from pgworker.dsl.v1_0.names import Names, Wanted
from pgworker.errors import ExpressionError, Rule
from pgworker.expressions.templates import Template
from pgworker.types import JsonValue


def read_wanted(endpoint: Piece, names: Names) -> Wanted | None:
    """Where a resource is, and who one says to be there: all of it known before any workflow starts."""
    read = read_endpoint(endpoint, names)
    if read is None:
        return None
    uri = _settled(read.uri)
    if not isinstance(uri, str):
        endpoint.report(
            "where this is has to be known when the workflow is defined",
            expected="a URI",
            rule=Rule.RESOURCE,
        )
        return None
    authentication = None if read.authentication is None else _settled(read.authentication)
    if read.authentication is not None and authentication is None:
        endpoint.member("authentication").report(
            "this has to be known when the workflow is defined",
            hint="name a secret: `basic: {use: mySecret}`",
            rule=Rule.RESOURCE,
        )
    return Wanted(uri, authentication)


def _settled(template: Template) -> JsonValue:
    """The template's value, if it needs nothing to be known; None otherwise."""
    try:
        return template.evaluate({}, _nothing_known)
    except ExpressionError:
        return None


def _nothing_known(names: frozenset[str]) -> dict[str, JsonValue]:
    raise ExpressionError(f"{', '.join(sorted(names))} cannot be known yet")
