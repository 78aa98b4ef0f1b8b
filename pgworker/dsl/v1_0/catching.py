"""``catch``: which errors a try catches, and what follows then."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_expression, read_variable
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.retries import read_retry
from pgworker.dsl.v1_0.siblings import Siblings
from pgworker.plan.nodes import Catch, TaskList
from pgworker.types import JsonObject

_TEXTS = ("type", "instance", "title", "detail")


def read_catch(
    piece: Piece,
    base: Base,
    siblings: Siblings,
    names: Names,
    read_task_list: Callable[[Piece, Names], TaskList],
) -> Catch | None:
    """The catch of a try; its tasks and conditions know the error by its name."""
    if piece.object() is None:
        return None
    piece.allow({"errors", "as", "when", "exceptWhen", "retry", "do", "then"}, "`catch`")
    name = read_variable(piece.member("as")) if piece.has("as") else "error"
    if name is None:
        return None
    inside = names.within(name)
    condition, exception = (
        read_expression(piece.member(key), inside.variables) if piece.has(key) else None
        for key in ("when", "exceptWhen")
    )
    return Catch(
        errors=_read_filter(piece.member("errors")) if piece.has("errors") else {},
        name=name,
        condition=condition,
        exception=exception,
        retry=read_retry(piece.member("retry"), inside) if piece.has("retry") else None,
        body=read_task_list(piece.member("do"), inside) if piece.has("do") else None,
        then=siblings.resolve(piece.member("then"), base["name"]) if piece.has("then") else None,
    )


def _read_filter(piece: Piece) -> JsonObject:
    if piece.object() is None:
        return {}
    piece.allow({"with"}, "`errors`")
    filter_ = piece.member("with")
    if not piece.has("with") or filter_.object() is None:
        return {}
    filter_.allow({*_TEXTS, "status"}, "an error filter")
    for key in _TEXTS:
        if filter_.has(key) and not isinstance(filter_.member(key).value, str):
            filter_.member(key).report(f"found {kind_of(filter_.member(key).value)}", expected="a text")
    if filter_.has("status"):
        filter_.member("status").integer()
    if filter_.value == {}:
        filter_.report("the filter says nothing", expected="at least one member", hint="leave `errors` out")
    return filter_.object() or {}
