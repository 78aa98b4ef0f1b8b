"""Garbage: how often the interpreter looks for cycles, where many objects are made and few are in cycles."""

from __future__ import annotations

import gc

_YOUNG = 10_000
_MIDDLE = 20
_OLD = 50
"""A look at all objects, cached states among them, comes after ten million that were made and kept."""


def collect_rarely() -> None:
    """Leaves out of all further looks what has been loaded by now, and makes the looks rarer.

    By default the interpreter looks after every 700 objects that are kept, which costs a durable call a tenth
    of its time. What is no part of a cycle is freed at once, as ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
