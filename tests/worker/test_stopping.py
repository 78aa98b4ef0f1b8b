"""Stopping: soon, whatever the worker is doing."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from pgworker.store.leases import Leases
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.waiting import eventually
from tests.support.workflows import define, ended, has_ended, start


def test_an_idle_worker_stops_at_once_and_is_forgotten(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection)
    for _ in range(5):
        worker = worker_process(poll_seconds=60, lease_seconds=0.5)
        ended(connection, start(connection))
        began = time.monotonic()
        worker.terminate()
        assert worker.wait(10) == 0
        assert time.monotonic() - began < 2
    assert connection.execute("select from pgworker.workers").fetchall() == []


def test_a_worker_that_is_told_twice_stops_as_well(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker = worker_process(poll_seconds=60)
    worker.terminate()
    worker.terminate()
    assert worker.wait(10) == 0


async def test_a_cancellation_that_is_lost_does_not_keep_a_worker_from_stopping(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to Python 3.11 ``wait_for``, on which the driver waits, loses one that comes with the answer."""
    beats = 0

    async def beat(self: Leases, *told: object) -> tuple[bool, list[object]]:
        nonlocal beats
        beats += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if beats > 1:
                raise
        return True, []

    monkeypatch.setattr(Leases, "beat", beat)
    define(connection)
    async with in_process_worker(poll_seconds=60, lease_seconds=0.6) as worker:
        await has_ended(connection, start(connection))
        await eventually(lambda: beats)
    assert worker.done()
