"""Load: workflows that do some of everything, and what has to hold of them in the end."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import psycopg

from tests.support.oracle import violations
from tests.support.processes import WorkerProcess
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import Task, define, start

NAME = "load"


def define_load(connection: psycopg.Connection, url: str, milliseconds: int = 20) -> None:
    """A workflow with pure tasks, a call that takes so long, and a timer."""
    tasks: list[Task] = [
        {"first": {"set": {"n": 1}}},
        {"ask": {"call": "http", "with": {"method": "post", "endpoint": f"{url}/slow?ms={milliseconds}"}}},
        {"nap": {"wait": {"milliseconds": 50}}},
        {"last": {"set": {"done": True}}},
    ]
    define(connection, tasks, name=NAME)


class Starter:
    """Somebody who starts workflows all the time, and remembers which starts were acknowledged."""

    def __init__(self, url: str, pause: float = 0.02) -> None:
        self._url = url
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="starter", daemon=True)
        self.acknowledged: list[str] = []
        self.refusals: list[psycopg.Error] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), "a start is neither acknowledged nor refused"

    def more(self, count: int = 1, seconds: float = 20.0) -> None:
        """Waits until so many more starts have been acknowledged."""
        enough = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= enough, seconds, what=f"{count} more starts")

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    while not self._ending.wait(self._pause):
                        self.acknowledged.append(start(connection, NAME))
            except psycopg.Error as error:
                self.refusals.append(error)
                self._ending.wait(0.1)


def all_done(connection: psycopg.Connection, seconds: float = 20.0) -> float:
    """Waits until no workflow is live; returns how many seconds that took."""
    began = time.monotonic()
    until(
        lambda: _statuses(connection).keys() <= {"COMPLETED", "FAILED"}, seconds, "the end of all workflows"
    )
    return time.monotonic() - began


def pulse(connection: psycopg.Connection, seconds: float = 20.0) -> float:
    """Starts one more workflow, waits for its end, and returns how many seconds it took."""
    began = time.monotonic()
    started = start(connection, NAME)
    until(
        lambda: connection.execute(
            "select 1 from pgworker.workflows where id = %s and status = 'COMPLETED'", [started]
        ).fetchone(),
        seconds,
        what="the work that goes on",
    )
    return time.monotonic() - began


def check(
    connection: psycopg.Connection,
    workers: Sequence[WorkerProcess],
    stub: Stub,
    *,
    faults: int,
    starter: Starter | None = None,
) -> None:
    """Nothing is lost, nothing has failed, nobody has exited, and the oracle is content.

    ``faults`` says how often the connections of workers (or their server) were taken from them.
    """
    statuses = _statuses(connection)
    sys.stdout.write(f"{dict(statuses)}, {len(stub.effects())} effects\n")
    failed = connection.execute("select error from pgworker.workflows where status = 'FAILED'").fetchall()
    assert failed == []
    assert statuses.keys() == {"COMPLETED"}
    assert [worker.poll() for worker in workers] == [None] * len(workers)
    if starter is not None:
        known = {str(id_) for (id_,) in connection.execute("select id from pgworker.workflows")}
        assert set(starter.acknowledged) <= known, "an acknowledged start is lost"
    assert violations(connection, stub.effects(), kills=faults) == []


def _statuses(connection: psycopg.Connection) -> Counter[str]:
    return Counter(
        dict(connection.execute("select status, count(*) from pgworker.workflows group by status").fetchall())
    )
