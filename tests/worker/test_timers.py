"""Timers: kept by the database, fired by whoever is there, never early."""

from __future__ import annotations

import asyncio
import gc

import psycopg

from pgworker.worker.cache import StateCache
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import eventually, until
from tests.support.workflows import define, ended, history, jobs, start, types, workflow


def _wait(**duration: int) -> list[dict[str, object]]:
    return [{"nap": {"wait": duration}}, {"after": {"set": {"slept": True}}}]


def _caches() -> list[StateCache]:
    return [one for one in gc.get_objects() if isinstance(one, StateCache)]


def test_a_wait_ends_when_its_time_has_come_whatever_the_poll(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection, _wait(milliseconds=400))
    row = ended(connection, start(connection), seconds=5)
    took = (row["ended_at"] - row["started_at"]).total_seconds()
    assert 0.4 <= took < 1.4
    assert violations(connection) == []


def test_a_wait_outlives_the_worker_that_set_it(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, _wait(milliseconds=700))
    started = start(connection)
    for end in ("kill", "terminate"):
        worker = worker_process(poll_seconds=60)
        until(lambda: "timer.set" in types(connection, started))
        getattr(worker, end)()
        worker.wait()
    assert workflow(connection, started)["status"] == "RUNNING"
    assert violations(connection) == []
    worker_process(poll_seconds=60)
    row = ended(connection, started, seconds=5)
    assert row["output"] == {"slept": True}
    assert (row["ended_at"] - row["started_at"]).total_seconds() >= 0.7
    assert types(connection, started).count("timer.fired") == 1
    assert violations(connection) == []


def test_a_timer_that_came_due_while_nobody_was_there_fires_at_once(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, _wait(days=3))
    worker = worker_process(poll_seconds=60)
    started = start(connection)
    until(lambda: "timer.set" in types(connection, started))
    worker.kill()
    worker.wait()
    connection.execute("update pgworker.jobs set due_at = now() - interval '1 hour'")
    worker_process(poll_seconds=60)
    assert ended(connection, started, seconds=5)["status"] == "COMPLETED"


async def test_a_wait_of_thirty_days_is_one_future_job_and_nothing_grows(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection, _wait(days=30))
    others = _caches()
    async with in_process_worker(poll_seconds=0.05):
        started = start(connection)
        await eventually(lambda: "timer.set" in types(connection, started))
        [cache] = [one for one in _caches() if not any(one is other for other in others)]
        await eventually(lambda: len(cache) == 1)  # once the answer to the commit is here
        held = cache._bytes
        await asyncio.sleep(0.6)  # a dozen polls
        assert (len(cache), cache._bytes) == (1, held)
    [job] = jobs(connection, started)
    [timer] = [event for event in history(connection, started) if event.type == "timer.set"]
    assert (job.seq, job.kind, job.later) == (timer.seq, "decide", True)
    assert 29.9 < (job.due_at - timer.occurred_at).total_seconds() / 86400 < 30.1
    assert len(history(connection, started)) == 3
    assert violations(connection) == []


def test_an_event_during_a_wait_does_not_end_it(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection, _wait(milliseconds=600))
    started = start(connection)
    until(lambda: "timer.set" in types(connection, started))
    for _ in range(3):
        connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    row = ended(connection, started, seconds=5)
    assert (row["ended_at"] - row["started_at"]).total_seconds() >= 0.6
    assert types(connection, started).count("order.paid") == 3
    assert violations(connection) == []


def test_a_cancelled_wait_never_fires(connection: psycopg.Connection, worker_process: WorkerFactory) -> None:
    worker_process(poll_seconds=0.05)
    define(connection, _wait(milliseconds=300))
    started, other = start(connection), start(connection)
    until(lambda: "timer.set" in types(connection, started))
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    ended(connection, other)
    assert "timer.fired" not in types(connection, started)
    assert violations(connection) == []


def test_many_timers_of_one_moment_all_fire_once(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, _wait(milliseconds=300))
    for _ in range(2):
        worker_process(poll_seconds=1)
    started = [start(connection) for _ in range(200)]
    for one in started:
        assert ended(connection, one)["status"] == "COMPLETED"
    assert violations(connection) == []
