"""A migration from the version before, while workers work and clients start workflows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from pgworker.errors import DatabaseUnavailable
from pgworker.store import migrations
from pgworker.store.database import Database
from pgworker.store.migrations import head_revision, migrate
from tests.conftest import WorkerFactory
from tests.support.load import Starter, all_done, check, define_load
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import until

BEFORE = "0004"
LONGEST_SECONDS = 1.0


@pytest.fixture
def old(server: Server, connection: psycopg.Connection) -> Iterator[Database]:
    """A database of the version before."""
    name = f"{connection.info.dbname}_old"
    connection.execute(f"drop database if exists {name} with (force)")
    connection.execute(f"create database {name}")
    database = Database(server.url(name))
    assert migrate(database, BEFORE)[0] is None
    yield database
    connection.execute(f"drop database {name} with (force)")


class Prober:
    """Somebody who asks something all the time, and knows how long the longest answer took."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self.longest = 0.0

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(20)

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ending.wait(0.01):
                began = time.monotonic()
                connection.execute(
                    "select count(*) from pgworker.workflows where ended_at is null"
                ).fetchone()
                connection.execute(
                    "select max(seq) from pgworker.events where workflow_id is null"
                ).fetchone()
                self.longest = max(self.longest, time.monotonic() - began)


def test_workers_and_clients_go_on_while_the_schema_is_migrated(
    old: Database, worker_process: WorkerFactory, stub: Stub
) -> None:
    with psycopg.connect(old.url, autocommit=True) as connection:
        define_load(connection, stub.url)
        workers = [worker_process(database_url=old.url, lease_seconds=5) for _ in range(2)]
        with Prober(old.url) as prober, Starter(old.url, pause=0.005) as starter:
            starter.more(100)
            assert migrate(old) == (BEFORE, head_revision())
            starter.more(100)
        assert [str(refusal) for refusal in starter.refusals] == []
        all_done(connection)
        check(connection, workers, stub, faults=0, starter=starter)
    assert prober.longest < LONGEST_SECONDS, f"somebody waited for {prober.longest:.2f} s"
    assert all("lost" not in worker.log for worker in workers)


def test_a_migration_gives_way_to_who_holds_a_lock_and_is_made_when_it_is_free(old: Database) -> None:
    with (
        psycopg.connect(old.url) as holder,
        psycopg.connect(old.url, autocommit=True) as looking,
        Prober(old.url) as prober,
    ):
        holder.execute("select count(*) from pgworker.events")
        migrating = threading.Thread(target=migrate, args=[old])
        migrating.start()
        waits = "select exists (select from pg_locks where not granted)"
        for _ in range(2):
            until(lambda: looking.execute(waits).fetchone() == (True,), what="the migration's wait")
            until(lambda: looking.execute(waits).fetchone() == (False,), what="its giving way")
        holder.rollback()
        migrating.join(20)
        assert not migrating.is_alive()
        row = looking.execute("select version_num from pgworker.alembic_version").fetchone()
    assert row == (head_revision(),)
    assert prober.longest < LONGEST_SECONDS


def test_a_lock_that_is_never_free_is_one_clear_error(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_TRIES", 2)
    with psycopg.connect(old.url) as holder:
        holder.execute("select count(*) from pgworker.events")
        with pytest.raises(DatabaseUnavailable, match="somebody holds locks"):
            migrate(old)
