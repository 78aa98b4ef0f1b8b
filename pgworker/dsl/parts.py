"""The parts that a document's text is read into, whichever syntax it is written in.

The readers of YAML and JSON yield these in the order of the text; ``load`` builds the value from them. Lines
and columns count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text: itself if it was quoted (``plain`` is False), otherwise what the core schema reads in it."""

    text: str
    plain: bool
    line: int
    column: int
    tag: str | None = None
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The beginning of a mapping or of a sequence."""

    mapping: bool
    line: int
    column: int
    tag: str | None = None
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The end of the innermost mapping or sequence."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Alias:
    """A use of what was anchored before."""

    anchor: str
    line: int
    column: int


Part: TypeAlias = Scalar | Start | End | Alias


def position_at(text: str, offset: int) -> tuple[int, int]:
    """The line and column of a character.

    >>> position_at("a: 1\\nb: 2", 5)
    (2, 1)
    """
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
