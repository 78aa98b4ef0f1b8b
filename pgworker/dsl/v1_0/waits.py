"""``wait``: how long."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.names import Names
from pgworker.plan.nodes import WaitNode


def read_wait(piece: Piece, base: Base, names: Names) -> WaitNode | None:
    """A wait for a duration that is written down, or that an expression gives."""
    duration = read_duration(piece, names.variables)
    return None if duration is None else WaitNode(**base, duration=duration)
