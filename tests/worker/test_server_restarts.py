"""The server crashes under load: workers survive, and everything is done."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import eventually, until
from tests.support.workflows import are_ended, call, define, ended, start, types


def test_workers_survive_a_crash_of_the_server_under_load(
    server: Server, direct_url: str, worker_process: WorkerFactory, stub: Stub
) -> None:
    with psycopg.connect(direct_url, autocommit=True) as connection:
        tasks = [
            {"a": {"set": {"n": 1}}},
            {"ask": call(f"{stub.url}/slow?ms=20")},
            {"nap": {"wait": {"milliseconds": 50}}},
            {"b": {"set": {"n": 2}}},
        ]
        define(connection, tasks)
        workers = [worker_process(poll_seconds=1, lease_seconds=1) for _ in range(2)]
        started = [start(connection) for _ in range(150)]
        until(
            lambda: (
                connection.execute("select from pgworker.workflows where status = 'COMPLETED'").fetchone()
                is not None
            )
        )
    server.restart_immediately()
    with psycopg.connect(direct_url, autocommit=True) as connection:
        until(lambda: are_ended(connection, started), seconds=25)
        assert connection.execute("select distinct status from pgworker.workflows").fetchall() == [
            ("COMPLETED",)
        ]
        assert [worker.poll() for worker in workers] == [None, None]
        assert violations(connection, stub.effects(), kills=1) == []
        # they hear notifications again, too
        until(
            lambda: connection.execute("select count(*) from pgworker.workers where idle").fetchone() == (2,)
        )
        assert ended(connection, start(connection), seconds=3)["status"] == "COMPLETED"


def test_a_worker_waits_for_a_server_that_is_down_and_a_stop_does_not(
    server: Server, direct_url: str, worker_process: WorkerFactory
) -> None:
    with psycopg.connect(direct_url, autocommit=True) as connection:
        define(connection)
        staying = worker_process(poll_seconds=0.2)
        leaving = worker_process(poll_seconds=0.2)
    server.stop()
    try:
        until(lambda: "no connection to the database" in staying.log)
        leaving.terminate()
        assert leaving.wait(15) == 0
    finally:
        server.start()
    with psycopg.connect(direct_url, autocommit=True) as connection:
        assert ended(connection, start(connection))["status"] == "COMPLETED"
        assert staying.poll() is None
        assert violations(connection) == []


def test_an_activity_that_ends_while_the_server_is_down_is_recorded_afterwards(
    server: Server, direct_url: str, worker_process: WorkerFactory, stub: Stub
) -> None:
    with psycopg.connect(direct_url, autocommit=True) as connection:
        define(connection, [{"ask": call(f"{stub.url}/slow?ms=400")}])
        worker_process(poll_seconds=0.2, lease_seconds=30)
        started = start(connection)
        until(lambda: stub.effects("/slow"))
        assert types(connection, started)[-1] == "task.started"
    server.stop()
    time.sleep(0.6)
    server.start()
    with psycopg.connect(direct_url, autocommit=True) as connection:
        assert ended(connection, started)["status"] == "COMPLETED"
        assert len(stub.effects()) == 1
        assert violations(connection, stub.effects()) == []


@pytest.mark.parametrize("victim", ["wheel", "listener", "keeper"])
async def test_a_worker_gets_over_the_loss_of_each_of_its_connections(
    connection: psycopg.Connection, direct_url: str, in_process_worker: InProcessWorker, victim: str
) -> None:
    define(connection)
    async with in_process_worker(database_url=direct_url, poll_seconds=60, lease_seconds=1):
        for _ in range(3):
            await eventually(
                lambda: connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = %s and datname = current_database()",
                    [f"pgworker {victim}"],
                ).fetchall(),
                what=f"the end of the {victim}",
            )
            one = start(connection)
            await eventually(lambda one=one: are_ended(connection, [one]), seconds=5)
        await eventually(
            lambda: (
                connection.execute(
                    "select count(*) from pg_stat_activity where datname = current_database()"
                    " and application_name in ('pgworker wheel', 'pgworker listener')"
                ).fetchone()
                == (2,)
            )
        )
    assert violations(connection) == []
