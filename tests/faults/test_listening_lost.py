"""Notifications are lost, or cannot be sent: the poll finds what they would have told."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pgworker.store import connection as watched
from pgworker.store import listening
from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.load import all_done, check, define_load, pulse
from tests.support.oracle import violations
from tests.support.proxy import Proxy
from tests.support.server import OwnServer, new_server
from tests.support.stub import Stub
from tests.support.waiting import eventually, until
from tests.support.workflows import call, define, has_ended, start

POLL = 1.0
LATE = POLL + 1.0


def _listeners(connection: psycopg.Connection, ending: str = "true") -> int:
    """How many workers are listening."""
    return len(
        connection.execute(
            f"select {ending} from pg_stat_activity"
            " where application_name = 'pgworker listener' and datname = current_database()"
            " and query ilike 'listen%'"
        ).fetchall()
    )


@pytest.mark.parametrize(
    "times", [pytest.param(10, id="10 times"), pytest.param(300, id="300 times", marks=pytest.mark.soak)]
)
def test_listeners_that_are_terminated_again_and_again_make_nothing_late(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub, times: int
) -> None:
    define_load(connection, stub.url)
    workers = [worker_process(poll_seconds=POLL) for _ in range(2)]
    until(lambda: _listeners(connection) == 2)
    latencies = []
    ended = 0
    for _ in range(times):
        ended += _listeners(connection, "pg_terminate_backend(pid)")
        latencies.append(pulse(connection))
    sys.stdout.write(f"{ended} listeners terminated; {max(latencies):.2f} s at the most\n")
    assert ended > times / 2
    assert max(latencies) < LATE
    until(lambda: _listeners(connection) == 2, seconds=6, what="listeners again")
    check(connection, workers, stub, faults=0)


def test_notifications_that_are_lost_without_a_word_make_nothing_later_than_the_poll(
    connection: psycopg.Connection, proxy: Proxy, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    worker = worker_process(database_url=proxy.url, poll_seconds=POLL)
    pulse(connection)
    proxy.over("pgworker listener").to_client = False
    latencies = [pulse(connection) for _ in range(5)]
    sys.stdout.write(f"{max(latencies):.2f} s at the most\n")
    assert max(latencies) < LATE
    check(connection, [worker], stub, faults=0)


async def test_a_listener_that_hears_nothing_any_more_listens_anew(
    connection: psycopg.Connection,
    proxy: Proxy,
    in_process_worker: InProcessWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a poll that would take a minute."""
    monkeypatch.setattr(listening, "CHECK_SECONDS", 0.5)
    monkeypatch.setattr(watched, "PING_SECONDS", 0.5)
    define(connection)
    async with in_process_worker(database_url=proxy.url, poll_seconds=60):
        await eventually(lambda: proxy.count("pgworker listener") == 1)
        await has_ended(connection, start(connection))
        [before] = [link for link in proxy.links if link.application == "pgworker listener"]
        proxy.over("pgworker listener").to_client = False
        started = start(connection)
        await eventually(lambda: before.lost)
        proxy.clear()
        await eventually(lambda: proxy.count("pgworker listener") == 1)
        assert (await has_ended(connection, started, seconds=3))["status"] == "COMPLETED"
        await asyncio.sleep(0.2)  # it sleeps again
        await has_ended(connection, start(connection), seconds=3)
    assert violations(connection) == []


@pytest.fixture
def small_queue() -> Iterator[OwnServer]:
    """A server whose queue of notifications is soon full."""
    with new_server("max_notify_queue_pages = 64") as server:
        server.create()
        try:
            server.start()
        except AssertionError:
            pytest.skip("the queue of notifications has a fixed size before PostgreSQL 17")
        with server.connect("postgres") as connection:
            connection.execute("create database elsewhere")
        migrate(Database(server.url("postgres")))
        yield server


@contextmanager
def _full_queue(server: OwnServer) -> Iterator[None]:
    """Somebody in another database listens, never ends a transaction, and so lets nothing be forgotten."""
    elsewhere = server.url("elsewhere")
    with psycopg.connect(elsewhere) as stuck, psycopg.connect(elsewhere, autocommit=True) as other:
        stuck.execute("listen anything")
        stuck.commit()
        stuck.execute("select 1")
        with contextlib.suppress(psycopg.errors.ProgramLimitExceeded):
            for _ in range(1000):
                other.execute("select pg_notify('anything', repeat('x', 7000))")
        assert other.execute("select pg_notification_queue_usage()").fetchone() == (1,)
        yield
        stuck.rollback()
        stuck.execute("unlisten *")
        stuck.commit()
        # the server forgets what all have heard when somebody notifies, which fails, or asks this
        other.execute("select pg_notification_queue_usage()")


def test_a_full_queue_of_notifications_refuses_no_start_and_no_turn(
    small_queue: OwnServer, worker_process: WorkerFactory, stub: Stub
) -> None:
    """What would have been told is left to the polls: starts, and activities one worker has no slots for."""
    url = small_queue.url("postgres")
    with small_queue.connect("postgres") as connection:
        define_load(connection, stub.url)
        branches = [{f"b{n}": call(f"{stub.url}/slow?ms=50")} for n in range(5)]
        define(connection, [{"all": {"fork": {"branches": branches}}}], name="forks")
        workers = [
            worker_process(wait=False, database_url=url, poll_seconds=POLL, concurrency=1) for _ in range(2)
        ]
        idle = "select count(*) from pgworker.workers where idle"
        until(lambda: connection.execute(idle).fetchone() == (2,))
        with _full_queue(small_queue):
            assert pulse(connection) < LATE
            for _ in range(5):
                start(connection, "forks")
            all_done(connection)
        assert pulse(connection) < LATE
        check(connection, workers, stub, faults=0)
        assert not any("too many notifications" in worker.log for worker in workers)
