"""Migrating from the previous revision while workers of the previous code are at work."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import pytest

from pgworker.client import verify
from pgworker.store.database import Database
from pgworker.store.migrations import head_revision, migrate
from tests.conftest import WorkerFactory
from tests.support.earlier import Earlier, earlier_code
from tests.support.load import all_done
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import Task, call, define, start

LONGEST_SECONDS = 1.0
"""How long a migration may keep others waiting at a time."""

OLD_WORKERS = 2


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    """The previous code."""
    earlier = earlier_code(tmp_path_factory.mktemp("earlier"))
    if earlier is None:
        pytest.skip("the previous code is not there: this is no clone, or one without its history")
    return earlier


@pytest.fixture
def old(server: Server, connection: psycopg.Connection, earlier: Earlier) -> Iterator[str]:
    """The connection string of a database with the previous schema."""
    name = f"{connection.info.dbname}_old"
    connection.execute(f"drop database if exists {name} with (force)")
    connection.execute(f"create database {name}")
    earlier.migrate(server.url(name))
    yield server.url(name)
    connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def old_workers(old: str, earlier: Earlier, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers of the previous code; what they logged is in ``old-N.log``."""
    started = [
        earlier.worker(
            {
                "PGWORKER_DATABASE_URL": old,
                "PGWORKER_WORKER_ID": f"old-{number}",
                "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
                "PGWORKER_POLL_SECONDS": "0.2",
            },
            tmp_path / f"old-{number}.log",
        )
        for number in range(OLD_WORKERS)
    ]
    yield started
    for worker in started:
        worker.kill()
        worker.wait(10)
    for log in sorted(tmp_path.glob("old-*.log")):
        sys.stdout.write(f"--- {log.name}\n{log.read_text()[-20_000:]}\n")


class Users:
    """Starts workflows of several kinds all the time, and looks how long anybody waits for a lock."""

    def __init__(self, url: str, kinds: Sequence[str]) -> None:
        self._url = url
        self._kinds = cycle(kinds)
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._start), threading.Thread(target=self._look)]
        self.started = 0
        self.slowest_start = 0.0
        self.longest_wait = 0.0
        self.failures: list[psycopg.Error] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def more(self, count: int) -> None:
        """Waits until so many more have been started."""
        enough = self.started + count
        until(lambda: self.started >= enough or self.failures, what=f"{count} more starts")

    def _start(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ending.wait(0.02) and not self.failures:
                began = time.monotonic()
                try:
                    start(connection, next(self._kinds))
                except psycopg.Error as error:
                    self.failures.append(error)
                self.slowest_start = max(self.slowest_start, time.monotonic() - began)
                self.started += 1

    def _look(self) -> None:
        query = """
            select coalesce(max(extract(epoch from clock_timestamp() - l.waitstart)), 0)
            from pg_locks l join pg_stat_activity a using (pid)
            where not l.granted and a.datname = current_database()
            and a.application_name <> 'pgworker migrate'
        """
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ending.wait(0.02):
                (seconds,) = connection.execute(query).fetchone() or (0,)
                self.longest_wait = max(self.longest_wait, float(seconds))


def _define_kinds(connection: psycopg.Connection, stub: Stub) -> Sequence[str]:
    """Several kinds of work, each of which ends by itself or by the CloudEvent ``go``."""
    nap: Task = {"nap": {"wait": {"milliseconds": 300}}}
    items = {"for": {"each": "n", "in": "[range(5)]"}, "do": [{"one": {"set": {"n": "${ $n }"}}}]}
    child = {"run": {"workflow": {"namespace": "default", "name": "naps", "version": "1.0.0"}}}
    fails = {"raise": {"error": {"type": "https://example.com/e", "status": 500, "title": "E"}}}
    tries = {"try": [{"fails": fails}], "catch": {"do": [nap]}}
    kinds: dict[str, list[Task]] = {
        "calls": [{"ask": call(f"{stub.url}/slow?ms=200")}, nap],
        "naps": [nap, {"again": {"wait": {"milliseconds": 100}}}],
        "loops": [{"loop": items}, nap],
        "forks": [
            {"fork": {"fork": {"branches": [{"a": nap["nap"]}, {"b": call(f"{stub.url}/slow?ms=50")}]}}}
        ],
        "parents": [{"child": child}],
        "tries": [{"tries": tries}],
        "hears": [{"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}}],
    }
    for name, tasks in kinds.items():
        define(connection, tasks, name)
    return list(kinds)


def test_workers_go_on_through_a_migration(
    old: str,
    old_workers: list[subprocess.Popen[bytes]],
    worker_process: WorkerFactory,
    stub: Stub,
    tmp_path: Path,
) -> None:
    with (
        psycopg.connect(old, autocommit=True) as connection,
        Users(old, _define_kinds(connection, stub)) as users,
    ):
        until(lambda: _completed(connection) >= 20, what="work that is done before the migration")
        before, now = migrate(Database(old))
        assert (before, now) == (head_revision_before(), head_revision())
        users.more(30)
        new = worker_process(database_url=old, poll_seconds=0.2)
        users.more(30)
        for worker in old_workers:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(20) for worker in old_workers] == [0] * OLD_WORKERS
        users.more(30)
    sys.stdout.write(f"{users.started} started, waited {users.longest_wait}, {users.slowest_start} s\n")
    with psycopg.connect(old, autocommit=True) as connection:
        connection.execute("select pgworker.publish_event('go', '{}')")
        all_done(connection)
        failed = connection.execute("select name, error from pgworker.workflows where status <> 'COMPLETED'")
        assert failed.fetchall() == []
    assert users.failures == []
    assert max(users.slowest_start, users.longest_wait) < LONGEST_SECONDS
    logs = [log.read_text() for log in tmp_path.glob("*.log")] + [new.log]
    assert [line for log in logs for line in log.splitlines() if '"level": "info"' not in line] == []
    assert asyncio.run(_flaws(old)) == []


def head_revision_before() -> str:
    return f"{int(head_revision()) - 1:04}"


def test_a_migration_gives_way_to_a_transaction_that_holds_a_table(old: str, stub: Stub) -> None:
    with psycopg.connect(old, autocommit=True) as connection, psycopg.connect(old) as holder:
        _define_kinds(connection, stub)
        holder.execute("select from pgworker.workflows")
        migrating = threading.Thread(target=migrate, args=[Database(old)])
        with Users(old, ["naps"]) as users:
            migrating.start()
            until(lambda: users.longest_wait > 0, what="somebody who waits behind the migration")
            users.more(10)
            assert migrating.is_alive()
            holder.rollback()
            migrating.join(20)
        assert connection.execute("select version_num from pgworker.alembic_version").fetchone() == (
            head_revision(),
        )
    assert users.failures == []
    assert max(users.slowest_start, users.longest_wait) < LONGEST_SECONDS


async def _flaws(url: str) -> list[object]:
    return [flaw async for stretch in verify(Database(url)) for flaw in stretch.flaws]


def _completed(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from pgworker.workflows where status = 'COMPLETED'").fetchone()
    return 0 if row is None else int(row[0])
