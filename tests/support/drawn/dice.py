"""Dice: all that is drawn at random comes down to numbers, which Hypothesis draws and makes small.

Documents are made of hundreds of draws. A strategy for each part of one would take most of a test's time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Draws numbers, and with them whatever else; the first of several things is the simplest."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below
        """Draws a number from 0 on that is less than this one."""

    @classmethod
    def of(cls, draw: st.DrawFn) -> Dice:
        """Dice that Hypothesis throws."""
        return cls(lambda end: draw(_numbers(end)))

    @classmethod
    def seeded(cls, seed: int) -> Dice:
        """Dice that fall the same way each time, whatever the versions of Hypothesis and Python."""
        return cls(Random(seed).randrange)

    def once_in(self, times: int) -> bool:
        """True once in so many times."""
        return self.below(times) == times - 1

    def one_of(self, things: Sequence[T]) -> T:
        """One of some things."""
        return things[self.below(len(things))]


@lru_cache
def _numbers(end: int) -> st.SearchStrategy[int]:
    return st.integers(0, end - 1)
