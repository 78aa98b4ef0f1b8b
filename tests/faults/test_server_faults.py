"""What servers do to workers: they crash, turn read-only, let nobody in, and end sessions."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from tests.conftest import InProcessWorker, WorkerFactory
from tests.faults.conftest import Role
from tests.support.load import NAME, Starter, all_done, check, define_load, pulse
from tests.support.oracle import violations
from tests.support.server import OwnServer, Server
from tests.support.stub import Stub
from tests.support.waiting import eventually, until
from tests.support.workflows import define, has_ended, start

RESUMES = 8.0
"""Seconds within which work goes on: the longest pause between two attempts to connect is five."""


@contextmanager
def _altered(connection: psycopg.Connection, setting: str, value: str) -> Iterator[None]:
    """A setting of the whole server, as an operator changes it and changes it back."""
    connection.execute(f"alter system set {setting} = {value}")
    connection.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        connection.execute(f"alter system reset {setting}")
        connection.execute("select pg_reload_conf()")


@pytest.mark.parametrize(
    "restarts", [pytest.param(2, id="2 restarts"), pytest.param(20, id="20 restarts", marks=pytest.mark.soak)]
)
def test_a_server_that_crashes_again_and_again_loses_no_acknowledged_start(
    server: Server, database_url: str, worker_process: WorkerFactory, stub: Stub, restarts: int
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        define_load(connection, stub.url)
    workers = [worker_process(poll_seconds=0.5, lease_seconds=2) for _ in range(2)]
    slowest = 0.0
    with Starter(database_url) as starter:
        for n in range(restarts):
            starter.more(20)
            server.stop()
            time.sleep(random.uniform(0, 3) if n % 4 == 3 else 0)
            server.start()
            with psycopg.connect(database_url, autocommit=True) as connection:
                slowest = max(slowest, pulse(connection))
    with psycopg.connect(database_url, autocommit=True) as connection:
        sys.stdout.write(f"work went on {slowest:.1f} s after a restart at the latest\n")
        assert slowest < RESUMES
        all_done(connection)
        check(connection, workers, stub, faults=restarts, starter=starter)


def test_a_primary_that_is_read_only_for_a_while_holds_work_up_and_no_more(
    server: Server, connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    connection.execute("set default_transaction_read_only = off")
    define_load(connection, stub.url)
    workers = [worker_process(poll_seconds=0.2, lease_seconds=2) for _ in range(2)]
    url = server.url(connection.info.dbname)
    with Starter(url, pause=0.005) as starter:
        starter.more(40)
        with _altered(connection, "default_transaction_read_only", "on"):
            time.sleep(1.5)
        took = pulse(connection)
        starter.more(5)
    assert {error.sqlstate for error in starter.refusals} == {"25006"}
    assert took < RESUMES
    all_done(connection)
    check(connection, workers, stub, faults=1, starter=starter)


def test_backends_that_are_terminated_all_the_time_stop_nothing(
    connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    workers = [worker_process(poll_seconds=0.2, lease_seconds=3) for _ in range(2)]
    ended = 0
    with Starter(database_url) as starter:
        for _ in range(15):
            time.sleep(0.2)
            ended += len(
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name like 'pgworker%' and datname = current_database()"
                ).fetchall()
            )
    took = pulse(connection)
    sys.stdout.write(f"{ended} backends terminated; work went on after {took:.2f} s\n")
    assert ended > 30
    assert took < RESUMES
    all_done(connection)
    check(connection, workers, stub, faults=15, starter=starter)


def test_a_backend_that_is_killed_takes_every_session_with_it_and_no_work(
    server: Server, connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    """As the system does when it runs out of memory: the server ends all other sessions, and recovers."""
    if not isinstance(server, OwnServer):
        pytest.skip("the processes of this server are not ours")
    define_load(connection, stub.url)
    workers = [worker_process(poll_seconds=0.2, lease_seconds=2) for _ in range(2)]
    for _ in range(30):
        start(connection, NAME)
    row = connection.execute(
        "select pid from pg_stat_activity where application_name = 'pgworker wheel'"
        " and datname = current_database() limit 1"
    ).fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGKILL)
    url = server.url(connection.info.dbname)
    until(lambda: not _is_alive(connection), what="the end of all sessions")
    until(lambda: _answers(url), what="the recovery")
    with psycopg.connect(url, autocommit=True) as again:
        assert pulse(again) < RESUMES
        all_done(again)
        check(again, workers, stub, faults=1)


def _is_alive(connection: psycopg.Connection) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute("select 1")
    return not connection.closed


def _answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(url).close()
        return True
    return False


def test_a_role_that_may_not_connect_any_more_waits_until_it_may(
    connection: psycopg.Connection, role: Role, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    workers = [worker_process(database_url=role.url, poll_seconds=0.2, lease_seconds=2) for _ in range(2)]
    pulse(connection)
    role.alter("connection limit 0")
    assert role.end_sessions() > 2
    until(lambda: all("too many connections for role" in worker.log for worker in workers))
    time.sleep(1)
    role.alter("connection limit -1")
    assert pulse(connection) < RESUMES
    all_done(connection)
    check(connection, workers, stub, faults=1)


def test_a_server_without_a_free_slot_is_waited_for(
    connection: psycopg.Connection, role: Role, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    workers = [worker_process(database_url=role.url, poll_seconds=0.2, lease_seconds=2) for _ in range(2)]
    pulse(connection)
    with ExitStack() as crowd:
        for worker in workers:
            worker.stop()
        role.end_sessions()
        _fill(crowd, role.url)
        for worker in workers:
            worker.cont()
        until(lambda: all("reserved for" in worker.log for worker in workers))
        time.sleep(1)
    assert pulse(connection) < RESUMES
    all_done(connection)
    check(connection, workers, stub, faults=1)


def _fill(crowd: ExitStack, url: str) -> None:
    """Takes every slot that a plain user may have."""
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            crowd.enter_context(psycopg.connect(url))
    with pytest.raises(psycopg.OperationalError, match="reserved for"):
        psycopg.connect(url)


async def test_a_worker_that_cannot_make_itself_known_leaves_no_connections_behind(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    """That one of them is left to the garbage collector would be a warning, and so a failure."""
    connection.execute("set default_transaction_read_only = off")
    define(connection)

    def sessions(ending: str = "true") -> list[tuple[object, ...]]:
        return connection.execute(
            f"select pid, {ending} from pg_stat_activity"
            " where application_name = 'pgworker wheel' and datname = current_database()"
        ).fetchall()

    async with in_process_worker(poll_seconds=0.2):
        with _altered(connection, "default_transaction_read_only", "on"):
            seen = set()
            for _ in range(2):
                # the second session is there for a moment, until it is refused
                [(pid, _)] = await eventually(lambda: sessions("pg_terminate_backend(pid, 5000)"), pause=0)
                seen.add(pid)
            assert len(seen) == 2
        await has_ended(connection, start(connection))
        assert len(sessions()) == 1
    assert violations(connection) == []
