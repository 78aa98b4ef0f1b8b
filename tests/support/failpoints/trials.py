"""Trials: a kind of work is begun, something happens to its workers, and it comes to its right end."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.support.failpoints.cells import Cell, Passed
from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.lane import LEASE, LONG_LEASE, Lane
from tests.support.failpoints.points import Failpoint, Fault, When
from tests.support.failpoints.world import World
from tests.support.processes import WorkerProcess

_REST = 1.5
"""All work is done for so long, and the fault has not fired: it will not."""


class NotFired(AssertionError):
    """The worker did not come to its point: the way it takes is a matter of chance here and there."""


def record(lane: Lane, kind: Kind) -> Passed:
    """Nothing happens; returns the points that the worker passed."""
    failpoint = Failpoint(lane.report())
    with lane.world(kind) as world:
        _Watch(lane, world, kind, failpoint, frozenset({0}) if kind.stops else None).see_through()
    passed: defaultdict[tuple[str, When], list[int]] = defaultdict(list)
    for line in Path(failpoint.report).read_text().splitlines():
        name, when, turn = line.split("|")
        passed[name, When(when)].append(int(turn))
    return passed


def attempt(lane: Lane, cell: Cell, kind: Kind) -> None:
    """The fault of a cell happens; raises ``AssertionError`` with everything that went wrong.

    Where the point is passed by chance, and is not, there is nothing to be seen.
    """
    for turn in cell.turns:
        try:
            attempt_once(lane, cell, kind, turn)
        except NotFired as error:
            missed = error
        else:
            return
    if not cell.is_by_chance:
        raise missed


def attempt_once(lane: Lane, cell: Cell, kind: Kind, turn: int) -> None:
    """The same in one turn of the point; raises ``NotFired`` if the worker does not come to it."""
    failpoint = Failpoint(lane.report(), cell.point, cell.when, cell.fault, turn)
    repeats = kind.stops or not cell.keeps_leases
    with lane.world(kind, breaks=cell.breaks_an_activity, repeats=repeats) as world:
        _Watch(
            lane,
            world,
            kind,
            failpoint,
            exits=_exits(cell, kind),
            lease=LEASE if repeats else LONG_LEASE,
            joined=cell.is_joined,
        ).see_through()


def kill_twice(lane: Lane, kind: Kind, when: str, after: float, again: float) -> None:
    """A worker is killed so many seconds after a condition (a query) has become true, and then the next one.

    Raises ``AssertionError`` with everything that is wrong once a third has finished.
    """
    with lane.world(kind) as world:
        first = lane.fork(kind)
        lane.until(lambda: world.told() is None and world.is_true(when), f"the time to kill ({when})")
        time.sleep(after)
        lane.forks.end(first)
        second = lane.fork(kind)
        until = time.monotonic() + again
        lane.until(lambda: world.told() is not None or time.monotonic() > until, "the time to kill again")
        lane.forks.end(second)
        lane.fork(kind)
        lane.until(lambda: world.told() is None and world.is_done(), "the end of all work")


def _exits(cell: Cell, kind: Kind) -> frozenset[int] | None:
    """The codes with which the worker may end; None if it has to live on."""
    if cell.fault is Fault.KILL:
        return frozenset({-signal.SIGKILL})
    # told to stop when it is about to end anyhow, it may be too late for it to do that by itself
    stopped = {0, -signal.SIGTERM} if kind.stops else set()
    if cell.ends_the_process:
        return frozenset({1, *stopped})
    return frozenset(stopped) or None


@dataclass
class _Watch:
    """Sees a kind's work through with a worker that has a failpoint, and a healthy one if that ends.

    ``exits`` are the codes with which it may end; None if it has to live on. If it is to be ``joined``, a
    healthy one works beside it once it has had its fault.
    """

    lane: Lane
    world: World
    kind: Kind
    failpoint: Failpoint
    exits: frozenset[int] | None = None
    lease: float = LEASE
    joined: bool = False
    has_ended: bool = False
    healthy: WorkerProcess | None = None
    done_since: float | None = None

    def see_through(self) -> None:
        """Returns when the fault has been had and all work is done."""
        if self.kind.prelude is not None:
            first = self.lane.fork(self.kind)
            self.lane.until(self.world.prelude_is_over, "the end of the prelude")
            self.lane.forks.end(first)
        worker = self.lane.fork(self.kind, self.failpoint, self.lease)
        self.lane.until(lambda: self._is_over(worker), "the fault, and the end of all work")

    def _is_over(self, worker: WorkerProcess) -> bool:
        if self.world.told() is not None:
            worker.terminate()
        code = self.lane.forks.poll(worker)
        has_fired = self.failpoint.has_fired()
        if code is not None and not self.has_ended:
            self._end(code, has_fired=has_fired)
        if self.healthy is None and (self.has_ended or (self.joined and has_fired)):
            self.healthy = self.lane.fork(self.kind, lease=self.lease)
        if not self.world.is_done():
            return False
        self.done_since = self.done_since or time.monotonic()
        if not has_fired and time.monotonic() - self.done_since > _REST:
            raise NotFired("all is done, and the fault has not fired")
        code = None if self.healthy is None else self.lane.forks.poll(self.healthy)
        assert code is None, f"the healthy worker has ended with {code}"
        return has_fired and (self.has_ended or self.exits is None)

    def _end(self, code: int, *, has_fired: bool) -> None:
        assert self.exits is not None, f"the worker has ended with {code}, and should have lived"
        if not has_fired:
            raise NotFired(f"the worker has ended with {code} before its fault")
        assert code in self.exits, f"the worker has ended with {code} and not with {set(self.exits)}"
        self.has_ended = True
