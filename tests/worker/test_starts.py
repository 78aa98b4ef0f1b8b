"""Starts: what commits is done at once, and what does not leaves nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import eventually, until
from tests.support.workflows import define, ended, has_ended, jobs, start, types, workflow


def test_a_committed_start_is_completed_without_waiting_for_the_poll(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection)
    began = time.monotonic()
    row = ended(connection, start(connection, input={"name": "Ada"}))
    assert time.monotonic() - began < 2
    assert row["status"] == "COMPLETED"
    assert row["output"] == {"greeting": "Hello, Ada"}
    assert violations(connection) == []


def test_a_start_is_done_once_it_is_committed_and_not_before(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection)
    starter = connect()
    starter.execute("begin")
    started = start(starter)
    ended(connection, start(connection))  # the worker has looked meanwhile
    assert types(starter, started) == ["workflow.started"]
    starter.execute("commit")
    assert ended(connection, started, seconds=2)["status"] == "COMPLETED"
    assert violations(connection) == []


def test_a_rolled_back_start_leaves_nothing(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection)
    with connection.transaction(force_rollback=True):
        start(connection)
    kept = start(connection)
    ended(connection, kept)
    assert [str(row[0]) for row in connection.execute("select id from pgworker.workflows")] == [kept]
    assert violations(connection) == []


def test_an_idle_worker_takes_up_each_of_thirty_starts_at_once(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection)
    took = []
    for _ in range(30):
        began = time.monotonic()
        ended(connection, start(connection), seconds=10)
        took.append(time.monotonic() - began)
    assert max(took) < 1, took
    assert violations(connection) == []


def test_a_worker_that_went_to_sleep_long_ago_is_woken(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    """After two looks it sleeps for the whole poll interval."""
    worker_process(poll_seconds=60)
    define(connection)
    ended(connection, start(connection))
    time.sleep(1)  # there is no telling from outside that it sleeps
    began = time.monotonic()
    ended(connection, start(connection), seconds=10)
    assert time.monotonic() - began < 1


def test_what_was_started_before_the_worker_is_done(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection)
    started = [start(connection, priority=n % 3) for n in range(120)]
    worker_process(poll_seconds=60)
    for one in started:
        assert ended(connection, one)["status"] == "COMPLETED"
    assert violations(connection) == []


def test_a_lost_notification_costs_no_more_than_a_poll(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=0.5)
    define(connection)
    ended(connection, start(connection))
    connection.execute(
        "create or replace function pgworker.wake_workers(p_except text default null) returns void"
        " language sql as 'select'"
    )
    for _ in range(3):
        time.sleep(0.3)  # the worker looks once more soon after its last work, and sleeps then
        began = time.monotonic()
        ended(connection, start(connection), seconds=10)
        assert time.monotonic() - began < 1.5


def test_a_later_start_waits_for_its_time(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection)
    row = connection.execute(
        "select pgworker.start_workflow('sample', start_at => now() + interval '700 ms'),"
        " now() + interval '700 ms'"
    ).fetchone()
    assert row is not None
    started, start_at = str(row[0]), row[1]
    [job] = jobs(connection, started)
    assert job.later
    done = ended(connection, started, seconds=5)
    assert start_at <= done["started_at"]
    assert (done["ended_at"] - start_at).total_seconds() < 1
    assert violations(connection) == []


@pytest.mark.parametrize("never", ["infinity", "-infinity", "294276-12-31", "4713-01-01 BC"])
async def test_a_start_at_no_time_that_a_clock_knows_stops_nobody(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, never: str
) -> None:
    define(connection)
    async with in_process_worker(poll_seconds=0.1) as worker:
        try:
            connection.execute(
                "select pgworker.start_workflow('sample', start_at => %s::timestamptz)", [never]
            )
        except psycopg.DatabaseError:
            return  # to refuse it is as well
        for _ in range(3):
            other = start(connection)
            await eventually(
                lambda one=other: worker.done() or workflow(connection, one)["status"] == "COMPLETED"
            )
            assert not worker.done()
        await eventually(lambda: worker.done() or not jobs_are_due(connection))
        assert not worker.done()


def jobs_are_due(connection: psycopg.Connection) -> bool:
    """Whether there is anything to do at present."""
    row = connection.execute(
        "select count(*) from pgworker.jobs where due_at <= clock_timestamp()"
    ).fetchone()
    return row != (0,)


async def test_an_event_before_the_start_does_not_start_the_workflow_early(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection)
    async with in_process_worker(poll_seconds=0.1):
        row = connection.execute(
            "select pgworker.start_workflow('sample', start_at => now() + interval '1 hour')"
        ).fetchone()
        assert row is not None
        started = str(row[0])
        connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
        await has_ended(connection, start(connection))
        await eventually(lambda: not jobs_are_due(connection))
    assert types(connection, started) == ["workflow.started", "order.paid"]
    assert workflow(connection, started)["status"] == "PENDING"


async def test_a_worker_that_others_took_for_dead_is_still_woken(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    """Frozen for long enough it is forgotten, and nobody tells it when it comes back."""
    define(connection)
    async with in_process_worker(poll_seconds=60, lease_seconds=0.5):
        await has_ended(connection, start(connection))
        connection.execute("select pgworker.forget_workers('in-process', '1 hour')")
        await eventually(
            lambda: connection.execute("select from pgworker.workers").fetchone() is not None,
            seconds=5,
            what="the worker's return",
        )
        await has_ended(connection, start(connection), seconds=3)


def test_starts_from_many_clients_while_workers_come_and_go_are_all_done(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(
        connection,
        [{"a": {"set": {"n": 1}}}, {"nap": {"wait": {"milliseconds": 10}}}, {"b": {"set": {"n": 2}}}],
    )
    started = []
    for _ in range(4):
        worker = worker_process(poll_seconds=60, lease_seconds=1)
        more = [start(connection) for _ in range(25)]
        until(lambda last=more[-1]: workflow(connection, last)["status"] == "COMPLETED")
        started += more
        worker.terminate()
        assert worker.wait() == 0
    worker_process(poll_seconds=60)
    for one in started:
        assert ended(connection, one)["output"] == {"n": 2}
    assert violations(connection) == []
