"""Time limits on the workers' role: what outlasts them is tried again, in smaller pieces."""

from __future__ import annotations

import sys

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.faults.conftest import Role
from tests.support.load import NAME, all_done, check, define_load, pulse
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import define, ended, start, workflow

STATEMENT = "statement_timeout"
IDLE = "idle_in_transaction_session_timeout"


@pytest.mark.parametrize(
    "limit",
    [
        f"{STATEMENT} = '50ms'",
        f"{IDLE} = '50ms'",
        pytest.param(f"{STATEMENT} = '1s'", marks=pytest.mark.soak),
        pytest.param(f"{IDLE} = '1s'", marks=pytest.mark.soak),
    ],
)
def test_work_is_done_under_a_tight_limit(
    connection: psycopg.Connection, role: Role, worker_process: WorkerFactory, stub: Stub, limit: str
) -> None:
    role.alter(f"set {limit}")
    define_load(connection, stub.url)
    workers = [worker_process(database_url=role.url, poll_seconds=0.2, lease_seconds=2) for _ in range(2)]
    with connection.transaction():
        for _ in range(200):
            start(connection, NAME)
    took = all_done(connection, seconds=30)
    sys.stdout.write(f"200 workflows took {took:.1f} s\n")
    assert pulse(connection) < 5
    check(connection, workers, stub, faults=50)


def test_large_histories_that_are_read_anew_together_keep_within_a_limit(
    connection: psycopg.Connection, role: Role, worker_process: WorkerFactory, stub: Stub
) -> None:
    """Together they would take longer than a statement may: each is read by one of its own."""
    define_load(connection, stub.url)
    define(connection, [{"nap": {"wait": {"seconds": 1}}}], name="long")
    first = worker_process(poll_seconds=0.2)
    started = [start(connection, "long") for _ in range(50)]
    until(lambda: all(workflow(connection, one)["last_seq"] > 1 for one in started))
    first.kill()
    first.wait()
    for one in started:
        connection.execute(
            "insert into pgworker.events (workflow_id, type, data)"
            " select %s, 'order.paid', jsonb_build_object('n', repeat('x', 40000))"
            " from generate_series(1, 20)",
            [one],
        )
    role.alter("set statement_timeout = '50ms'")
    worker = worker_process(database_url=role.url, poll_seconds=0.2, lease_seconds=2)
    all_done(connection)
    check(connection, [worker], stub, faults=50)


def test_statements_that_wait_too_long_for_a_lock_are_tried_again(
    connection: psycopg.Connection, role: Role, worker_process: WorkerFactory, stub: Stub
) -> None:
    role.alter("set statement_timeout = '100ms'")
    define_load(connection, stub.url)
    worker = worker_process(database_url=role.url, poll_seconds=0.2, lease_seconds=2)
    started = start(connection, NAME)
    with connection.transaction():
        connection.execute("lock table pgworker.events in exclusive mode")
        until(lambda: worker.log.count("statement timeout") > 2)
    assert ended(connection, started, seconds=5)["status"] == "COMPLETED"
    check(connection, [worker], stub, faults=10)
