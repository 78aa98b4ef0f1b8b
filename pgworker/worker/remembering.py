"""What a worker remembers for a while: the newest of a kind, and not more of them than so many."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep(remembered: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Remembers this as the newest; the oldest is forgotten where there are more than ``most``."""
    remembered[key] = value
    remembered.move_to_end(key)
    if len(remembered) > most:
        remembered.popitem(last=False)
