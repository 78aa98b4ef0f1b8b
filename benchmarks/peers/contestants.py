"""Who is measured: this engine, in two ways, and the peers. Each run has a database of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks import bulk, documents, processes
from benchmarks.load import Load
from benchmarks.peers.catalog import Peer
from benchmarks.peers.cost import cpu_seconds
from benchmarks.peers.protocol import AT_ONCE, DATABASE, READY, Order
from benchmarks.server import empty_database, fresh_database

_LIMIT_SECONDS = 180.0
_LOOK_SECONDS = 0.01


class LeftOutError(Exception):
    """A contestant cannot take part; says why."""


@dataclass(frozen=True, slots=True)
class Drained:
    """From the commit of an order's last start to its last completion, in seconds."""

    took: float
    cpu: float | None
    """What it cost in CPU time, if that can be told."""


class Team(Protocol):
    """Workers that are up."""

    def drain(self, order: Order) -> Drained:
        """Carries an order out.

        Raises ``RuntimeError`` unless all workflows completed with ten recorded tasks each, and
        ``LeftOutError`` if these workers cannot work as they are asked to.
        """

    def remark(self) -> str:
        """What there is to say of what it did."""


class Contestant(Protocol):
    """What is measured."""

    @property
    def name(self) -> str:
        """How its rows begin."""

    @property
    def unit(self) -> str:
        """What pure work is told in."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many workflows of each kind it is given."""

    def team(self, url: str, workers: int) -> AbstractContextManager[Team]:
        """So many workers in a new database on a server."""


@dataclass(frozen=True, slots=True)
class Ours:
    """This engine, with a turn of some kind; ``alone`` asks that no tasks of a workflow share a commit."""

    name: str
    counts: Mapping[str, int]
    turn: str = "workflow"
    alone: bool = False
    unit: str = "tasks/s"

    @contextmanager
    def team(self, url: str, workers: int) -> Iterator[Team]:
        with fresh_database(url) as fresh, psycopg.connect(fresh, autocommit=True) as connection:
            load = Load(connection)
            for definition in documents.definitions():
                load.define(definition)
            with processes.workers(fresh, workers, None, concurrency=AT_ONCE, turn=self.turn) as load.workers:
                load.wait_for_workers()
                yield _OurTeam(load, self.alone)


@dataclass(slots=True)
class _OurTeam:
    load: Load
    alone: bool
    expected: int = 0

    def drain(self, order: Order) -> Drained:
        before = self._cpu()
        run = bulk.started_before(self.load, order.workflow, order.given, order.count)
        drained = Drained(run.draining, _difference(before, self._cpu()))
        self.expected += order.count
        _check(self.load.connection, _COMPLETED, self.expected)
        if self.alone and _value(self.load.connection, _SHARED):
            raise LeftOutError("these workers commit several tasks of a workflow at once")
        return drained

    def _cpu(self) -> float | None:
        return cpu_seconds((worker.pid for worker in self.load.workers), self.load.connection)

    def remark(self) -> str:
        return f"{_value(self.load.connection, _TASKS_A_TRANSACTION)} tasks a transaction"


@dataclass(frozen=True, slots=True)
class Theirs:
    """A peer, run by the Python of its own environment."""

    peer: Peer
    python: Path

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def unit(self) -> str:
        return self.peer.unit

    @property
    def counts(self) -> Mapping[str, int]:
        return self.peer.counts

    @contextmanager
    def team(self, url: str, workers: int) -> Iterator[Team]:
        with ExitStack() as stack:
            fresh = stack.enter_context(empty_database(url))
            environment = os.environ | {DATABASE: as_uri(fresh)}

            def process(command: str) -> subprocess.Popen[str]:
                return stack.enter_context(
                    processes.process(self.peer.module, [command], environment, self.python)
                )

            if process("install").wait(_LIMIT_SECONDS):
                raise RuntimeError(f"{self.name} could not make its schema")
            started = [process("work") for _ in range(workers)]
            for worker in started:
                _read_ready(worker, self.name)
            starter = process("start")
            connection = stack.enter_context(psycopg.connect(fresh, autocommit=True))
            connection.prepare_threshold = 0
            yield _TheirTeam(self.peer, connection, starter, started)


@dataclass(slots=True)
class _TheirTeam:
    peer: Peer
    connection: psycopg.Connection
    starter: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]
    expected: int = 0

    def drain(self, order: Order) -> Drained:
        assert self.starter.stdin is not None
        self.starter.stdin.write(order.line())
        self.starter.stdin.flush()
        _read_ready(self.starter, self.peer.name)
        began = time.perf_counter()
        before = self._cpu()
        while _value(self.connection, self.peer.is_busy):
            if any(worker.poll() is not None for worker in self.workers):
                raise RuntimeError(f"a worker of {self.peer.name} has died")
            if time.perf_counter() - began > _LIMIT_SECONDS:
                raise TimeoutError(f"{self.peer.name} was not done after {_LIMIT_SECONDS} s")
            time.sleep(_LOOK_SECONDS)
        drained = Drained(time.perf_counter() - began, _difference(before, self._cpu()))
        self.expected += order.count
        _check(self.connection, self.peer.completed, self.expected)
        return drained

    def _cpu(self) -> float | None:
        return cpu_seconds((worker.pid for worker in self.workers), self.connection)

    def remark(self) -> str:
        return f"{self.peer.distribution} {self.peer.version}"


def as_uri(conninfo: str) -> str:
    """A connection string as a URI, which is all that some peers understand."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    user, database = parts.pop("user", ""), parts.pop("dbname", "")
    password = parts.pop("password", "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{login}@/{quote(database, safe='')}?{urlencode(parts, quote_via=quote)}"


def _read_ready(process: subprocess.Popen[str], name: str) -> None:
    assert process.stdout is not None
    if (line := process.stdout.readline().strip()) != READY:
        raise RuntimeError(f"{name} did not come up: {line or 'its process has ended'}")


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _check(connection: psycopg.Connection, completed: str, expected: int) -> None:
    done = _value(connection, completed)
    if done != expected:
        raise RuntimeError(f"{done} of {expected} workflows completed with ten recorded tasks")


def _value(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


_COMPLETED = """
select count(*) from pgworker.workflows w
where status = 'COMPLETED'
  and 10 = (select count(*) from pgworker.events e
            where e.workflow_id = w.id and e.type = 'task.completed')
"""

_TASKS_A_TRANSACTION = """
select round(count(*)::numeric / count(distinct xmin::text), 1) from pgworker.events
where type = 'task.completed' and data ->> 'kind' = 'set'
"""

_SHARED = """
select exists (select from pgworker.events where type = 'task.completed'
               group by workflow_id, xmin::text having count(*) > 1)
"""
