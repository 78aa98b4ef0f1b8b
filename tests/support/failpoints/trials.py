"""Trials: a kind of work is begun, something happens to its workers, and it comes to its right end."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from pathlib import Path

from tests.support.failpoints.cells import Cell, Passed
from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.lane import Lane
from tests.support.failpoints.points import Failpoint, Fault, When
from tests.support.failpoints.world import World
from tests.support.processes import WorkerProcess

_REST = 1.5
"""All work is done for so long, and the fault has not fired: it will not."""
_TRIES = 3


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


def attempt(lane: Lane, cell: Cell, kind: Kind, tries: int = _TRIES) -> None:
    """The fault of a cell happens; raises ``AssertionError`` with everything that went wrong.

    How often a point is passed is a matter of chance: if not so often, the time before is tried.
    """
    for before in range(tries):
        turn = max(cell.turn - before, 1)
        failpoint = Failpoint(lane.report(), cell.point, cell.when, cell.fault, turn)
        try:
            with lane.world(kind, breaks=cell.breaks_an_activity) as world:
                watch = _Watch(lane, world, kind, failpoint, _exits(cell, kind), joined=cell.is_joined)
                watch.see_through()
            return
        except NotFired:
            if before == tries - 1:
                raise


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
    graceful = {0} if kind.stops else set()
    if cell.fault is Fault.KILL:
        return frozenset({-signal.SIGKILL})
    if cell.ends_the_process:
        return frozenset({1})
    return frozenset(graceful) or None


class _Watch:
    """Sees a kind's work through with a worker that has a failpoint, and a healthy one if that ends.

    If the worker is to be ``joined``, a healthy one works beside it once it has had its fault.
    """

    def __init__(
        self,
        lane: Lane,
        world: World,
        kind: Kind,
        failpoint: Failpoint,
        exits: frozenset[int] | None,
        *,
        joined: bool = False,
    ) -> None:
        self._lane = lane
        self._world = world
        self._kind = kind
        self._failpoint = failpoint
        self._exits = exits
        self._joined = joined
        self._has_ended = False
        self._healthy: WorkerProcess | None = None
        self._done_since: float | None = None

    def see_through(self) -> None:
        """Returns when the fault has been had and all work is done."""
        lane = self._lane
        if self._kind.prelude is not None:
            first = lane.fork(self._kind)
            lane.until(self._world.prelude_is_over, "the end of the prelude")
            lane.forks.end(first)
        worker = lane.fork(self._kind, self._failpoint)
        lane.until(lambda: self._is_over(worker), "the fault, and the end of all work")

    def _is_over(self, worker: WorkerProcess) -> bool:
        if self._world.told() is not None:
            worker.terminate()
        code = self._lane.forks.poll(worker)
        has_fired = self._failpoint.has_fired()
        if code is not None and not self._has_ended:
            self._end(code, has_fired=has_fired)
        if self._healthy is None and (self._has_ended or (self._joined and has_fired)):
            self._healthy = self._lane.fork(self._kind)
        if not self._world.is_done():
            return False
        self._done_since = self._done_since or time.monotonic()
        if not has_fired and time.monotonic() - self._done_since > _REST:
            raise NotFired("all is done, and the fault has not fired")
        code = None if self._healthy is None else self._lane.forks.poll(self._healthy)
        assert code is None, f"the healthy worker has ended with {code}"
        return has_fired and (self._has_ended or self._exits is None)

    def _end(self, code: int, *, has_fired: bool) -> None:
        assert self._exits is not None, f"the worker has ended with {code}, and should have lived"
        if not has_fired:
            raise NotFired(f"the worker has ended with {code} before its fault")
        assert code in self._exits, f"the worker has ended with {code} and not with {set(self._exits)}"
        self._has_ended = True
