"""The states that a worker keeps in memory: what it does without one, and with one that is too old."""

from __future__ import annotations

import psycopg

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, jobs, start, types

_STRUCK = "could not be decided upon"


def test_a_state_for_which_there_was_no_memory_is_read_anew(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/count")}, {"more": call(f"{stub.url}/count")}])
    worker = worker_process(poll_seconds=0.2, cache_megabytes=1)
    started = start(connection, input={"large": "x" * 2_000_000})
    assert ended(connection, started)["status"] == "COMPLETED"
    assert _STRUCK not in worker.log
    assert violations(connection, stub.effects()) == []


def test_a_state_that_another_worker_has_left_behind_is_rebuilt(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"nap": {"wait": {"days": 1}}}])
    first = worker_process(poll_seconds=0.2)
    started = start(connection)

    def has_had_its_turn() -> bool:
        return "timer.set" in types(connection, started) and jobs(connection, started)[0].seq > 0

    until(has_had_its_turn)
    first.stop()
    second = worker_process(poll_seconds=0.2)
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    until(has_had_its_turn)
    second.kill()
    second.wait()
    first.cont()
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    until(has_had_its_turn)
    assert _STRUCK not in first.log
    assert violations(connection) == []
