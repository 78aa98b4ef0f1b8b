"""Shapes that many parts of a document share."""

from __future__ import annotations

from collections.abc import Collection

from pgworker.dsl.reading import Piece, kind_of, listed
from pgworker.expressions.templates import Literal, Template


def check_texts(piece: Piece, keys: Collection[str]) -> None:
    """Those of the members that are there have to be texts."""
    for key in keys:
        if piece.has(key):
            piece.member(key).text()


def check_objects(piece: Piece, keys: Collection[str]) -> None:
    """Those of the members that are there have to be objects."""
    for key in keys:
        if piece.has(key):
            piece.member(key).object()


def check_list_of_texts(piece: Piece) -> None:
    """An array of nothing but texts."""
    for item in piece.items():
        item.text()


def check_map_of_texts(piece: Piece) -> bool:
    """An object of nothing but texts; true if it is one."""
    members = piece.object()
    if members is None:
        return False
    wrong = [key for key, value in members.items() if not isinstance(value, str)]
    for key in wrong:
        piece.member(key).report(
            f"found {kind_of(members[key])}", expected="a text", hint="put it in quotes, or use an expression"
        )
    return not wrong


def only_one(piece: Piece, keys: Collection[str], what: str) -> str | None:
    """The one of the members that is there; reports if there is none, or more than one."""
    found = [key for key in keys if piece.has(key)]
    if len(found) == 1:
        return found[0]
    if found:
        piece.report(f"{what} has one of {listed(keys)}, and this one has {listed(found)}", hint="keep one")
    else:
        piece.report(f"{what} lacks a member", expected="one of " + listed(keys))
    return None


def literal(value: str | bool | None) -> Template | None:
    """The template of what was read as it stands; None for what was reported."""
    return None if value is None else Literal(value)
