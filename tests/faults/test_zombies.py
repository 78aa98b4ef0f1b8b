"""Workers that are frozen past their leases, and go on as if nothing had happened."""

from __future__ import annotations

import random
import sys
import time

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.load import Starter, all_done, check, define_load, pulse
from tests.support.oracle import attempts, violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import are_ended, call, define, ended, is_held, results, start, workflow

LEASE = 1.0


@pytest.mark.parametrize(
    "freezes", [pytest.param(3, id="3 freezes"), pytest.param(60, id="60 freezes", marks=pytest.mark.soak)]
)
def test_workers_that_are_frozen_in_turn_overwrite_nothing(
    connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory, stub: Stub, freezes: int
) -> None:
    """Each has activities under way when it freezes, and finds them in other hands when it thaws."""
    define_load(connection, stub.url, milliseconds=100)
    workers = [worker_process(poll_seconds=0.2, lease_seconds=LEASE, concurrency=20) for _ in range(2)]
    with Starter(database_url, pause=0.01) as starter:
        for n in range(freezes):
            zombie = workers[n % 2]
            until(lambda zombie=zombie: _holds(connection, zombie.id) > 2, what="activities under way")
            zombie.stop()
            time.sleep(LEASE + random.uniform(0.1, 0.5))
            zombie.cont()
    took = pulse(connection)
    all_done(connection)
    sys.stdout.write(f"work went on after {took:.2f} s; attempts {dict(attempts(connection))}\n")
    assert took < LEASE + 3
    assert attempts(connection).keys() > {1}
    check(connection, workers, stub, faults=freezes, starter=starter)


def _holds(connection: psycopg.Connection, worker: str) -> int:
    row = connection.execute("select count(*) from pgworker.jobs where worker_id = %s", [worker]).fetchone()
    assert row is not None
    return row[0]


def test_a_worker_that_was_frozen_alone_takes_its_activities_back_from_itself(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    """The answers of the first attempts have arrived meanwhile, and the leases have run out."""
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=300")}])
    worker = worker_process(poll_seconds=0.2, lease_seconds=LEASE)
    started = [start(connection) for _ in range(8)]
    until(lambda: len(stub.effects("/slow")) == len(started))
    worker.stop()
    time.sleep(LEASE + 0.3)
    worker.cont()
    until(lambda: are_ended(connection, started))
    assert connection.execute("select distinct status from pgworker.workflows").fetchall() == [("COMPLETED",)]
    assert all(len(results(connection, one)) == 1 for one in started)
    assert worker.poll() is None
    assert violations(connection, stub.effects(), kills=1) == []


def test_a_worker_that_is_frozen_in_a_turn_holds_up_what_it_decides_upon_and_nothing_else(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    define(connection, [{"think": {"set": {"n": "${ [range(.n)] | add }"}}}], name="heavy")
    zombie = worker_process(poll_seconds=0.2, lease_seconds=LEASE)
    held = start(connection, "heavy", input={"n": 300_000})
    until(lambda: is_held(connection, held))
    zombie.stop()
    other = worker_process(poll_seconds=0.2, lease_seconds=LEASE)
    assert max(pulse(connection) for _ in range(5)) < 3
    assert workflow(connection, held)["status"] == "PENDING"
    zombie.cont()
    assert ended(connection, held)["status"] == "COMPLETED"
    check(connection, [zombie, other], stub, faults=0)
