"""A worker that cannot do anything now leaves the database alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import InProcessWorker
from tests.support.stub import Stub
from tests.support.waiting import eventually
from tests.support.workflows import call, define, has_ended, start

Connect = Callable[[], psycopg.Connection]

CALM = 60
"""Transactions in a second: far more than a worker needs, far fewer than one that spins makes."""


async def _transactions_in_a_second(connection: psycopg.Connection) -> int:
    """How many transactions the database ended in the next second."""

    async def count() -> int:
        await asyncio.sleep(0.05)  # sessions report what they did when they have been idle for a moment
        connection.execute("select pg_stat_clear_snapshot()")
        row = connection.execute(
            "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
        ).fetchone()
        assert row is not None
        return row[0]

    before = await count()
    await asyncio.sleep(1)
    return await count() - before


async def _calm(connection: psycopg.Connection) -> None:
    """A worker that spins does so in every second.

    The statistics lag behind: a session tells what it did when it does something again, a second later, and a
    pooler's when it comes to be used again.
    """
    seconds: list[int] = []
    while not seconds or (seconds[-1] >= CALM and len(seconds) < 8):
        seconds.append(await _transactions_in_a_second(connection))
    assert seconds[-1] < CALM, seconds


@pytest.mark.parametrize("poll_seconds", [1, 60])
async def test_with_nothing_to_do(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, poll_seconds: float
) -> None:
    define(connection)
    async with in_process_worker(poll_seconds=poll_seconds):
        await has_ended(connection, start(connection))
        await _calm(connection)


async def test_with_a_job_in_the_far_future(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection)
    async with in_process_worker(poll_seconds=1):
        connection.execute("select pgworker.start_workflow('sample', start_at => now() + interval '1 day')")
        await _calm(connection)


async def test_while_somebody_holds_a_workflow_that_is_due(
    connection: psycopg.Connection, connect: Connect, in_process_worker: InProcessWorker
) -> None:
    define(connection)
    holder = connect()
    started = start(connection)
    holder.execute("begin")
    holder.execute("select from pgworker.workflows for update")
    async with in_process_worker(poll_seconds=1):
        await _calm(connection)
        holder.execute("rollback")
        await has_ended(connection, started)


@pytest.mark.parametrize("before", [0, 30], ids=["asleep", "just busy"])
async def test_while_all_slots_are_taken_and_more_is_due(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub, before: int
) -> None:
    define(connection, name="hello")
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=30000")}])
    async with in_process_worker(poll_seconds=1, concurrency=1, grace_seconds=0):
        for _ in range(before):
            await has_ended(connection, start(connection, "hello"))
        started = [start(connection) for _ in range(3)]
        await eventually(lambda: stub.effects("/slow"))
        await _calm(connection)
        for one in started:
            connection.execute("select pgworker.cancel_workflow(%s)", [one])
