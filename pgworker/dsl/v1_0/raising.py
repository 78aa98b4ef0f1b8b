"""``raise`` and the reusable errors that it may name."""

from __future__ import annotations

from types import MappingProxyType

from pgworker.dsl.reading import Piece, did_you_mean, kind_of, listed
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.uris import is_uri_or_expression
from pgworker.errors import Rule
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import RaiseNode

_MEMBERS = frozenset({"type", "status", "title", "detail", "instance"})


def read_raise(piece: Piece, base: Base, names: Names) -> RaiseNode | None:
    """A raise of an error that is written down, or that is named."""
    if piece.object() is None or not piece.require(["error"], "`raise`"):
        return None
    piece.allow({"error"}, "`raise`")
    template = _read_reference(piece.member("error"), names)
    return None if template is None else RaiseNode(**base, error=template)


def _read_reference(piece: Piece, names: Names) -> Template | None:
    if not isinstance(piece.value, str):
        return read_error(piece, names.variables)
    if piece.value not in names.errors:
        piece.report(
            f"no error is named `{piece.value}`",
            expected="one of " + listed(names.errors) if names.errors else "an error object",
            hint=did_you_mean(piece.value, names.errors) or "define it under `use.errors`",
            rule=Rule.NAME,
        )
        return None
    return names.errors[piece.value]


def read_error(piece: Piece, variables: frozenset[str]) -> Template | None:
    """An error object; its texts may be expressions."""
    if piece.object() is None:
        return None
    piece.allow(_MEMBERS, "an error")
    if not piece.require(["type", "status"], "the error"):
        return None
    for member in ("type", "title", "detail", "instance"):
        if piece.has(member) and not isinstance(piece.member(member).value, str):
            piece.member(member).report(f"found {kind_of(piece.member(member).value)}", expected="a text")
            return None
    if piece.member("status").integer() is None:
        return None
    template = read_template(piece, variables)
    return template if template is not None and is_uri_or_expression(piece, "type", template) else None


def read_errors(use: Piece, variables: frozenset[str]) -> MappingProxyType[str, Template | None]:
    """The errors under ``use.errors`` by name; None for one in which something was reported."""
    piece = use.member("errors")
    if not use.has("errors") or piece.object() is None:
        return MappingProxyType({})
    return MappingProxyType(
        {name: read_error(piece.member(name), variables) for name in piece.object() or {}}
    )
