"""Cells: a kind of work, a point that it passes, and a fault that a worker has there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.points import (
    BEGIN_ACTIVITY,
    COMMIT,
    NOTE_OUTCOME,
    PERFORM,
    READ_ANSWER,
    SETTLE_OUTCOMES,
    Fault,
    When,
)

Passed = Mapping[tuple[str, When], Sequence[int]]
"""Which sides of which points a worker passed, and the turns of the point in which it did."""

_CALLS: Final = {
    When.BEFORE: (Fault.KILL, Fault.EXCEPTION, Fault.REFUSAL, Fault.DROP),
    When.AFTER: (Fault.KILL, Fault.EXCEPTION, Fault.DROP, Fault.LOST),
}
_STEPS: Final = {
    When.BEFORE: (Fault.KILL, Fault.EXCEPTION, Fault.DROP),
    When.AFTER: (Fault.KILL, Fault.EXCEPTION, Fault.DROP),
}
_SPECIAL: Final = {
    "rollback": {When.BEFORE: _STEPS[When.BEFORE], When.AFTER: _CALLS[When.AFTER]},
    "connect the wheel": _STEPS,
    "connect the keeper": _STEPS,
    "connect the listener": _STEPS,
    BEGIN_ACTIVITY: _STEPS,
    PERFORM: _STEPS,
    SETTLE_OUTCOMES: _STEPS,
    NOTE_OUTCOME: {When.BEFORE: (), When.AFTER: (Fault.KILL, Fault.DROP)},
    READ_ANSWER: {When.BEFORE: (Fault.KILL, Fault.LOST), When.AFTER: ()},
}
_GUARDED: Final = (
    "connect the keeper", "prepare the keeper", "check a pooled connection", "keep_resources",
)  # fmt: skip
"""What is raised there the pool takes for a connection that is no good; and the librarian tries again."""

_BEATS: Final = ("heartbeat", "forget_workers", "declare_idle", "outlook")
"""How soon these come depends on how long a lease is: rest, too, for cancelled calls end at a heartbeat."""

_HOLDS_LONG: Final = ("long call",)
"""The kinds whose worker is sure to hold something when a heartbeat is due; one that rests beats by polls."""

_UPKEEP: Final = (
    "connect ", "prepare ", "check ", "listen", "ask ", "register_worker", "definition", "outlook",
    "begin of a turn", "begin of a round", "end of a look", "declare_idle", "heartbeat",
    "forget_workers",
)  # fmt: skip
"""What every worker does all the time, whatever the work is."""

_UPKEPT: Final = ("call", "long call", "listen one", "schedule every", "stop")
"""The kinds with which the matrix tries that; all do, when everything is tried."""

_OFTEN: Final = (COMMIT, "commit_turn")
"""On these a workflow's progress hangs: the matrix tries them the last time that they are passed, too."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment: the fault is had when the point is passed for the ``turn``-th time.

    How often that happens is a matter of chance: ``first`` is a turn in which the point is sure to be passed.
    """

    kind: str
    point: str
    when: When
    fault: Fault
    turn: int = 1
    first: int = 1

    def __str__(self) -> str:
        return f"{self.kind}: {self.fault} {self.when} {self.point} {self.turn}"

    @property
    def turns(self) -> tuple[int, ...]:
        """The turns in which the fault is to be had, each if it could not be had in the one before."""
        return self.turn, (self.turn + self.first) // 2, self.first

    @property
    def breaks_an_activity(self) -> bool:
        """Whether the fault is one of the activity's, which the workflow has to bear."""
        return (self.point, self.fault) in ((PERFORM, Fault.EXCEPTION), (READ_ANSWER, Fault.LOST))

    @property
    def is_joined(self) -> bool:
        """Whether a worker that survives is not left alone after its fault: half of them are not."""
        return crc32(str(self).encode()) % 2 == 0

    @property
    def is_by_chance(self) -> bool:
        """Whether the point is passed only if the work takes longer than it has to, as on a busy machine."""
        return self.point == "heartbeat" and self.kind not in _HOLDS_LONG

    @property
    def keeps_leases(self) -> bool:
        """Whether the worker survives with all its leases: then no activity has any reason to be repeated."""
        return self.fault in (Fault.DROP, Fault.REFUSAL) and self.point not in _BEATS

    @property
    def ends_the_process(self) -> bool:
        """Whether the worker process does not survive."""
        if self.fault is Fault.EXCEPTION:
            return not self.breaks_an_activity and self.point not in _GUARDED
        return self.fault is Fault.KILL


def everything(kinds: Mapping[str, Kind], recordings: Mapping[str, Passed]) -> list[Cell]:
    """Every fault that makes sense at each side of each point that each kind passes: first and last time."""
    return [cell for name, passed in recordings.items() for cell in _cells_of(kinds[name], passed)]


def matrix(cells: Sequence[Cell]) -> list[Cell]:
    """Those of all cells that are worth their time: each point of the work of each kind, with all faults.

    What is the same whatever the work is, is tried with some kinds.
    """
    performing = {cell.kind for cell in cells if cell.point == BEGIN_ACTIVITY}
    return [
        cell
        for cell in cells
        if (cell.point != "claim_activities" or cell.kind in performing) and _is_worth_it(cell)
    ]


def _cells_of(kind: Kind, passed: Passed) -> Iterator[Cell]:
    for (point, when), turns in passed.items():
        if kind.about and point not in kind.about:
            continue
        for fault in _SPECIAL.get(point, _CALLS)[when]:
            for turn in sorted({min(turns), max(turns)}):
                cell = Cell(kind.name, point, when, fault, turn, min(turns))
                if not cell.breaks_an_activity or kind.broken is not None:
                    yield cell


def _is_worth_it(cell: Cell) -> bool:
    is_first = cell.turn == cell.first
    if not is_first and (cell.point not in _OFTEN or cell.fault not in (Fault.KILL, Fault.LOST)):
        return False
    if cell.point.startswith(_UPKEEP):
        return cell.kind in _UPKEPT
    is_lesser = cell.when is When.AFTER and cell.fault in (Fault.EXCEPTION, Fault.DROP)
    return not is_lesser or (cell.point == COMMIT and is_first)
