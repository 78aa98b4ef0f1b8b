"""A lane: a database and the worker processes in it, in which one cell after the other is tried."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock

import psycopg

from tests.support.failpoints.cells import Cell, Passed
from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.points import VARIABLE, Failpoint, When
from tests.support.failpoints.world import World
from tests.support.processes import WorkerProcess, Zygote
from tests.support.stub import Stub

LEASE = 0.5
_PATIENCE = 30.0
_REST = 1.5
"""All work is done for so long, and the fault has not fired: it will not."""
_LOOK = 0.004
_TRIES = 3
_numbers = count(1)


class NotFired(AssertionError):
    """The worker did not come to its point: the way it takes is a matter of chance here and there."""


@dataclass
class Forks:
    """Forks worker processes, for lanes that run side by side."""

    zygote: Zygote
    lock: Lock = field(default_factory=Lock)

    def fork(self, environment: dict[str, str], log: Path) -> WorkerProcess:
        """A worker process."""
        with self.lock:
            return WorkerProcess(self.zygote, environment, log)

    def poll(self, worker: WorkerProcess) -> int | None:
        """Its exit code, None as long as it lives."""
        with self.lock:
            return worker.poll()

    def end(self, worker: WorkerProcess) -> None:
        """Kills it if it still lives."""
        if worker.returncode is None:
            worker.kill()
        while self.poll(worker) is None:
            time.sleep(0.001)


class Lane:
    """Tries cells, one at a time."""

    def __init__(self, database_url: str, forks: Forks, stub: Stub, folder: Path) -> None:
        self._url = database_url
        self._forks = forks
        self._stub = stub
        self._folder = folder
        self._workers: list[WorkerProcess] = []
        self.known: set[str] = set()
        """The ids of all workflows that there have been."""
        self.connection = psycopg.connect(
            database_url, autocommit=True, options="-c search_path=pgworker", application_name="lane"
        )

    def close(self) -> None:
        """Ends what is left."""
        self._end_workers()
        self.connection.close()

    def record(self, kind: Kind) -> Passed:
        """Runs a kind without a fault; returns the points that its worker passed."""
        report = self._report()
        self._run(kind, Failpoint(str(report)), ends=kind.stops, breaks=False)
        passed: Passed = Counter()
        for line in report.read_text().splitlines():
            name, _, when = line.partition("|")
            passed[name, When(when)] += 1
        return passed

    def attempt(self, cell: Cell, kind: Kind) -> None:
        """Tries a cell; raises ``AssertionError`` with everything that went wrong."""
        for tries_left in reversed(range(_TRIES)):
            failpoint = Failpoint(str(self._report()), cell.point, cell.when, cell.fault, cell.turn)
            try:
                ends = cell.ends_the_process or kind.stops
                self._run(kind, failpoint, ends=ends, breaks=cell.breaks_an_activity)
                return
            except NotFired:
                if not tries_left:
                    raise

    def _report(self) -> Path:
        return self._folder / f"report-{next(_numbers)}"

    def _run(self, kind: Kind, failpoint: Failpoint, *, ends: bool, breaks: bool) -> None:
        world = World(self.connection, kind)
        world.begin()
        try:
            if kind.prelude is not None:
                first = self._fork(kind)
                self._until(world.prelude_is_over, "the prelude")
                self._forks.end(first)
            victim = self._fork(kind, failpoint)
            self._see_through(world, kind, victim, failpoint, ends=ends)
            if wrong := world.wrongs(self._stub.effects(), breaks=breaks):
                raise AssertionError("\n".join(wrong))
        except AssertionError as error:
            raise type(error)(f"{error}\n{world.told_apart()}\n{self._logs()}") from None
        finally:
            self.known |= world.workflows()
            self._end_workers()

    def _see_through(
        self, world: World, kind: Kind, victim: WorkerProcess, failpoint: Failpoint, *, ends: bool
    ) -> None:
        """Waits for the fault, then for the end of all work; whoever has died is replaced by a healthy one."""
        is_replaced = False
        done_since: float | None = None

        def is_over() -> bool:
            nonlocal is_replaced, done_since
            if world.told() is not None:
                victim.terminate()
            has_fired = failpoint.has_fired()
            if not is_replaced and self._forks.poll(victim) is not None:
                assert ends, f"the worker has ended with {victim.returncode}, and should not have"
                if not has_fired:
                    raise NotFired("the worker has ended before its fault")
                is_replaced = True
                self._fork(kind)
            if not world.is_done():
                return False
            done_since = done_since or time.monotonic()
            if not has_fired and time.monotonic() - done_since > _REST:
                raise NotFired("all is done, and the fault has not fired")
            return has_fired and (is_replaced or not ends)

        self._until(is_over, "the fault, and the end of all work")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what} did not come within {_PATIENCE:g} s"
            time.sleep(_LOOK)

    def _fork(self, kind: Kind, failpoint: Failpoint | None = None) -> WorkerProcess:
        settings = {"lease_seconds": LEASE, "poll_seconds": 0.1, **kind.settings}
        worker_id = f"worker-{next(_numbers)}"
        environment = {
            "PGWORKER_DATABASE_URL": self._url,
            "PGWORKER_WORKER_ID": worker_id,
            "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
            **{f"PGWORKER_{name.upper()}": str(value) for name, value in settings.items()},
            **({} if failpoint is None else {VARIABLE: failpoint.encode()}),
        }
        worker = self._forks.fork(environment, self._folder / f"{worker_id}.log")
        self._workers.append(worker)
        return worker

    def _end_workers(self) -> None:
        for worker in self._workers:
            self._forks.end(worker)
        self._workers.clear()

    def _logs(self) -> str:
        return "\n".join(f"--- log of {worker.id}\n{worker.log[-6000:]}" for worker in self._workers)
