"""Activities under leases: cancelled, given back, taken over, given up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psycopg

from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import eventually, until
from tests.support.workflows import call, define, ended, has_ended, history, jobs, results, start, workflow

Connect = Callable[[], psycopg.Connection]


def _slow(connection: psycopg.Connection, stub: Stub, ms: int) -> str:
    return define(connection, [{"ask": call(f"{stub.url}/slow?ms={ms}")}, {"after": {"set": {"done": True}}}])


def test_cancelling_ends_a_slow_call_at_the_next_heartbeat(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 1500)
    worker = worker_process(poll_seconds=60, lease_seconds=0.9)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    connection.execute("select pgworker.cancel_workflow(%s, 'enough')", [started])
    until(lambda: "lost its lease" in worker.log, seconds=1.2, what="the end of the call")
    ended(connection, start(connection, define(connection, name="hello")))  # and the worker goes on
    assert workflow(connection, started)["status"] == "CANCELLED"
    assert results(connection, started) == []
    assert violations(connection, stub.effects()) == []


def test_a_late_result_of_a_cancelled_workflow_is_not_recorded(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    """Here no heartbeat ends the call: it finishes, and its result comes too late."""
    _slow(connection, stub, 400)
    worker = worker_process(poll_seconds=0.1, lease_seconds=3)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    until(lambda: "lost its lease" in worker.log, what="the end of the call")
    assert [event.type for event in history(connection, started)][-1] == "workflow.cancelled"
    assert results(connection, started) == []
    assert violations(connection, stub.effects()) == []


def test_a_stopping_worker_finishes_what_ends_within_the_grace_period(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 1000)
    worker = worker_process(poll_seconds=60, grace_seconds=10)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    worker.terminate()
    assert worker.wait(5) == 0
    [result] = results(connection, started)
    assert (result.type, result.data["attempt"]) == ("task.completed", 1)
    assert connection.execute("select from pgworker.workers").fetchall() == []
    worker_process(poll_seconds=60)
    assert ended(connection, started)["output"] == {"done": True}
    assert violations(connection, stub.effects()) == []


def test_a_stopping_worker_gives_back_what_takes_longer(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 60_000)
    started = start(connection)
    worker = worker_process(poll_seconds=60, grace_seconds=0.3)
    until(lambda: stub.effects("/slow"))
    worker.terminate()
    assert worker.wait(5) == 0
    [job] = jobs(connection, started)
    assert (job.attempt, job.lease_token, job.later) == (0, None, False)
    other = worker_process(poll_seconds=60, grace_seconds=0.3)
    until(lambda: len(stub.effects("/slow")) == 2, what="the second attempt")
    [job] = jobs(connection, started)
    assert (job.attempt, job.worker_id) == (1, other.id)
    assert len(stub.keys()) == 1
    assert violations(connection, stub.effects(), kills=0, given_back=1) != []  # two effects, and none killed
    assert violations(connection, stub.effects(), kills=1, given_back=1) == []


def test_what_is_given_back_is_taken_up_by_an_idle_worker_at_once(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 60_000)
    first = worker_process(poll_seconds=60, grace_seconds=0)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    worker_process(poll_seconds=60, grace_seconds=0)
    until(lambda: connection.execute("select count(*) from pgworker.workers where idle").fetchone() == (2,))
    first.terminate()
    assert first.wait(5) == 0
    until(lambda: len(stub.effects("/slow")) == 2, seconds=2, what="the second attempt")
    connection.execute("select pgworker.cancel_workflow(%s)", [started])


def test_a_draining_worker_claims_nothing_new(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 800)
    define(connection, name="hello")
    worker = worker_process(poll_seconds=0.05, grace_seconds=10)
    start(connection)
    until(lambda: stub.effects("/slow"))
    worker.terminate()
    time.sleep(0.2)  # there is no telling from outside that the signal has been taken
    later = start(connection, "hello")
    assert worker.wait(5) == 0
    assert workflow(connection, later)["status"] == "PENDING"
    assert violations(connection, stub.effects()) == []


def test_a_frozen_workers_activity_is_performed_by_another_and_its_own_result_refused(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 1500)
    zombie = worker_process(poll_seconds=0.2, lease_seconds=1)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    [job] = jobs(connection, started)
    old_token = str(job.lease_token)
    zombie.stop()
    heir = worker_process(poll_seconds=0.2, lease_seconds=1)
    until(lambda: len(stub.effects("/slow")) == 2, what="the second attempt")
    [job] = jobs(connection, started)
    assert (job.worker_id, job.attempt) == (heir.id, 2)
    new_token = str(job.lease_token)
    assert new_token != old_token
    zombie.cont()
    until(lambda: "lost its lease" in zombie.log, what="the zombie's refusal")
    row = ended(connection, started)
    assert row["status"] == "COMPLETED"
    [result] = results(connection, started)
    assert (result.data["token"], result.data["attempt"], result.actor) == (new_token, 2, heir.id)
    hello = start(connection, define(connection, name="hello"))
    ended(connection, hello)  # and whoever it is that does it, both live
    assert zombie.poll() is None
    assert heir.poll() is None
    assert violations(connection, stub.effects(), kills=1) == []


def test_a_zombie_that_wakes_after_the_workflow_has_ended_writes_nothing(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 300)
    zombie = worker_process(poll_seconds=0.2, lease_seconds=1)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    zombie.stop()
    heir = worker_process(poll_seconds=0.2, lease_seconds=1)
    row = ended(connection, started)
    before = history(connection, started)
    zombie.cont()
    until(lambda: "lost its lease" in zombie.log, what="the zombie's refusal")
    assert history(connection, started) == before
    assert row == workflow(connection, started)
    [result] = results(connection, started)
    assert result.actor == heir.id
    assert violations(connection, stub.effects(), kills=1) == []


async def test_a_worker_that_takes_an_activity_back_from_itself_records_it_once(
    connection: psycopg.Connection, connect: Connect, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    """Its heartbeats are held up, its lease runs out, and it is the first to see that."""
    _slow(connection, stub, 1500)
    define(connection, name="hello")
    holder = connect()
    async with in_process_worker(poll_seconds=0.1, lease_seconds=0.8, max_attempts=5):
        await has_ended(connection, start(connection, "hello"))  # it has said that it is idle
        started = start(connection)
        await eventually(lambda: stub.effects("/slow"))
        holder.execute("begin")
        holder.execute("select from pgworker.workers for update")
        await eventually(lambda: len(stub.effects("/slow")) == 2, what="the second attempt")
        holder.execute("rollback")
        row = await has_ended(connection, started, seconds=10)
        assert row["status"] == "COMPLETED"
        await asyncio.sleep(0)
    [result] = results(connection, started)
    assert result.data["attempt"] == len(stub.effects("/slow")) >= 2
    assert violations(connection, stub.effects(), kills=len(stub.effects("/slow")) - 1) == []


def test_an_activity_that_was_lost_too_often_fails_and_says_so(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 60_000)
    started = start(connection)
    for attempt in (1, 2):
        worker = worker_process(poll_seconds=0.1, lease_seconds=0.6, max_attempts=2)
        until(lambda n=attempt: len(stub.effects("/slow")) == n, what=f"attempt {attempt}")
        worker.kill()
        worker.wait()
    worker_process(poll_seconds=0.1, lease_seconds=0.6, max_attempts=2)
    row = ended(connection, started)
    assert row["status"] == "FAILED"
    assert row["error"]["type"].endswith("/runtime")
    assert row["error"]["instance"] == "/do/0/ask"
    assert "2 attempts" in row["error"]["detail"]
    assert "lost" in row["error"]["detail"]
    assert len(stub.effects("/slow")) == 2
    assert violations(connection, stub.effects(), kills=2) == []


def test_a_killed_workers_activity_is_performed_again_soon_after_its_lease(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 500)
    started = start(connection)
    worker = worker_process(poll_seconds=60, lease_seconds=1)
    until(lambda: stub.effects("/slow"))
    other = worker_process(poll_seconds=60, lease_seconds=1)
    worker.kill()
    row = ended(connection, started, seconds=4)
    assert row["status"] == "COMPLETED"
    [result] = results(connection, started)
    assert (result.data["attempt"], result.actor) == (2, other.id)
    assert violations(connection, stub.effects(), kills=1) == []


async def test_a_result_waits_only_as_long_as_somebody_holds_the_workflow(
    connection: psycopg.Connection, connect: Connect, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    _slow(connection, stub, 200)
    define(connection, name="hello")
    holder = connect()
    async with in_process_worker(poll_seconds=60, lease_seconds=30):
        await has_ended(connection, start(connection, "hello"))
        started = start(connection)
        await eventually(lambda: stub.effects("/slow"))
        holder.execute("begin")
        holder.execute("select from pgworker.workflows where id = %s for update", [started])
        await asyncio.sleep(0.8)  # the result is there, and cannot be recorded
        holder.execute("rollback")
        await has_ended(connection, started, seconds=2)
    assert violations(connection, stub.effects()) == []


def test_a_hundred_calls_share_ten_slots(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    _slow(connection, stub, 20)
    for _ in range(2):
        worker_process(poll_seconds=1, concurrency=5)
    started = [start(connection) for _ in range(100)]
    for one in started:
        assert ended(connection, one)["status"] == "COMPLETED"
    assert set(stub.keys().values()) == {1}
    assert violations(connection, stub.effects()) == []
