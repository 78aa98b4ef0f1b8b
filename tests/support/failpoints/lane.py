"""A lane: a database and the worker processes in it, for one trial after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock

import psycopg

from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.points import VARIABLE, Failpoint
from tests.support.failpoints.world import World
from tests.support.processes import WorkerProcess, Zygote
from tests.support.stub import Stub

LEASE = 0.7
"""On a busy machine even the living lose such a lease, so attempts at an activity are not limited."""
LONG_LEASE = 15.0
"""Nobody loses such a lease only because the machine is busy."""
_SETTINGS = {"poll_seconds": 0.1, "max_attempts": 1000, "http_allow_private": "all"}
_PATIENCE = 30.0
_LOOK = 0.004
_numbers = count(1)


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
        worker.kill()
        while self.poll(worker) is None:
            time.sleep(0.001)


class Lane:
    """Where trials are made, one at a time."""

    def __init__(self, database_url: str, forks: Forks, stub: Stub, folder: Path) -> None:
        self._url = database_url
        self._stub = stub
        self._folder = folder
        self._workers: list[WorkerProcess] = []
        self.forks = forks
        self.known: set[str] = set()
        """The ids of all workflows that there have been."""
        self.connection = psycopg.connect(
            database_url, autocommit=True, options="-c search_path=pgworker", application_name="lane"
        )

    def close(self) -> None:
        """Lets go of the database."""
        self.connection.close()

    @contextmanager
    def world(self, kind: Kind, *, breaks: bool = False, repeats: bool = True) -> Iterator[World]:
        """A kind's workflows, just started, that somebody sees through to their end.

        ``breaks`` says that an activity is made to fail, ``repeats`` that one may be performed again. Raises
        ``AssertionError``, with everything that is not as it should be in the end; no worker is left.
        """
        world = World(self.connection, kind)
        world.begin()
        try:
            yield world
            wrong = world.wrongs(self._stub.effects(), breaks=breaks, repeats=repeats)
            assert not wrong, "\n".join(wrong)
        except AssertionError as error:
            raise type(error)(f"{error}\n{world.shown()}\n{self._logs()}") from None
        finally:
            self.known |= world.workflows()
            for worker in self._workers:
                self.forks.end(worker)
            self._workers.clear()

    def fork(self, kind: Kind, failpoint: Failpoint | None = None, lease: float = LEASE) -> WorkerProcess:
        """A worker, healthy unless it has a failpoint."""
        settings = {"lease_seconds": lease, **_SETTINGS, **kind.settings}
        worker_id = f"worker-{next(_numbers)}"
        environment = {
            "PGWORKER_DATABASE_URL": self._url,
            "PGWORKER_WORKER_ID": worker_id,
            **{f"PGWORKER_{name.upper()}": str(value) for name, value in settings.items()},
            **({} if failpoint is None else {VARIABLE: failpoint.encode()}),
        }
        worker = self.forks.fork(environment, self._folder / f"{worker_id}.log")
        self._workers.append(worker)
        return worker

    def report(self) -> str:
        """A new file in which a worker can report."""
        return str(self._folder / f"report-{next(_numbers)}")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits until a condition is true; raises ``AssertionError`` when that takes too long."""
        end = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what} did not come within {_PATIENCE:g} s"
            time.sleep(_LOOK)

    def _logs(self) -> str:
        return "\n".join(f"--- log of {worker.id}\n{worker.log[-6000:]}" for worker in self._workers)
