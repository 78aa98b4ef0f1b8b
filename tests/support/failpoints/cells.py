"""Cells: a kind of work, a point that it passes, and a fault that a worker has there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.points import (
    BEGIN_ACTIVITY,
    NOTE_OUTCOME,
    PERFORM,
    READ_ANSWER,
    SETTLE_OUTCOMES,
    Fault,
    When,
)

Passed = Counter[tuple[str, When]]
"""How often a worker passed each side of each point."""

_CALLS = {
    When.BEFORE: (Fault.KILL, Fault.EXCEPTION, Fault.REFUSAL, Fault.DROP),
    When.AFTER: (Fault.KILL, Fault.EXCEPTION, Fault.DROP, Fault.LOST),
}
_CONNECTING = {
    When.BEFORE: (Fault.KILL, Fault.EXCEPTION, Fault.DROP),
    When.AFTER: (Fault.KILL, Fault.EXCEPTION, Fault.DROP),
}
_STEPS = {
    When.BEFORE: (Fault.KILL, Fault.EXCEPTION, Fault.DROP),
    When.AFTER: (Fault.KILL, Fault.EXCEPTION, Fault.DROP),
}
_NOTED = {When.BEFORE: (), When.AFTER: (Fault.KILL, Fault.DROP)}
_READ = {When.BEFORE: (Fault.KILL, Fault.LOST), When.AFTER: ()}
_BOUNDARIES = {
    BEGIN_ACTIVITY: _STEPS,
    SETTLE_OUTCOMES: _STEPS,
    PERFORM: _STEPS,
    NOTE_OUTCOME: _NOTED,
    READ_ANSWER: _READ,
}

_GUARDED = ("connect the keeper", "prepare the keeper", "check a pooled connection")
"""Whatever is raised there, the pool takes for a connection that is no good."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment."""

    kind: str
    point: str
    when: When
    fault: Fault
    turn: int = 1

    def __str__(self) -> str:
        return f"{self.kind}: {self.fault} {self.when} {self.point} {self.turn}"

    @property
    def breaks_an_activity(self) -> bool:
        """Whether the fault is one of the activity's, which the workflow has to bear."""
        return (self.point, self.fault) in ((PERFORM, Fault.EXCEPTION), (READ_ANSWER, Fault.LOST))

    @property
    def ends_the_process(self) -> bool:
        """Whether the worker process does not survive."""
        if self.fault is Fault.EXCEPTION:
            return not self.breaks_an_activity and self.point not in _GUARDED
        return self.fault is Fault.KILL


def cells_of(kind: Kind, passed: Passed) -> Iterator[Cell]:
    """The cells of a kind: every fault that makes sense at each side of each point that it passes."""
    for point, when in passed:
        if point.startswith("connect "):
            faults = _CONNECTING
        else:
            faults = _BOUNDARIES.get(point, _CALLS)
        for fault in faults[when]:
            cell = Cell(kind.name, point, when, fault)
            if not cell.breaks_an_activity or kind.broken is not None:
                yield cell


def matrix(kinds: Mapping[str, Kind], recordings: Mapping[str, Passed]) -> list[Cell]:
    """All cells."""
    return [cell for name, passed in recordings.items() for cell in cells_of(kinds[name], passed)]
