"""Transactions that others leave open keep up whoever needs what they hold, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid5

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import Task, are_ended, define, ended, start, workflow

EMITS: Task = {
    "tell": {"emit": {"event": {"with": {"source": "/till", "id": "receipt-1", "type": "x.paid"}}}}
}
STARTS: Task = {"child": {"run": {"workflow": {"namespace": "default", "name": "a", "version": "1.0.0"}}}}


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_cloud_event_that_is_being_published_keeps_up_only_who_emits_the_same(
    connection: psycopg.Connection,
    worker_process: WorkerFactory,
    connect: Callable[[], psycopg.Connection],
    ends: str,
) -> None:
    define(connection, name="a")
    define(connection, [EMITS], name="emits")
    worker = worker_process(poll_seconds=0.2)
    client = connect()
    client.execute("begin")
    client.execute("select pgworker.publish_event('x.paid', '{}', source => '/till', id => 'receipt-1')")
    with connection.transaction():
        emitting = start(connection, "emits")
        others = [start(connection, "a") for _ in range(30)]
    for one in others:
        assert ended(connection, one, seconds=8)["status"] == "COMPLETED"
    until(lambda: "waits for somebody's transaction" in worker.log)
    assert workflow(connection, emitting)["status"] == "PENDING"
    client.execute(ends)
    assert ended(connection, emitting, seconds=8)["status"] == "COMPLETED"
    assert connection.execute("select count(*) from pgworker.cloud_events").fetchone() == (1,)
    assert '"level": "error"' not in worker.log
    assert violations(connection) == []


def test_an_id_that_is_being_taken_keeps_up_only_who_starts_a_child_under_it(
    connection: psycopg.Connection, worker_process: WorkerFactory, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection, name="a")
    define(connection, [STARTS], name="starts")
    parent = start(connection, "starts")
    client = connect()
    client.execute("begin")
    for seq in range(1, 5):
        start(client, "a", workflow_id=str(uuid5(UUID(parent), str(seq))))
    worker = worker_process(poll_seconds=0.2)
    others = [start(connection, "a") for _ in range(30)]
    for one in others:
        assert ended(connection, one, seconds=8)["status"] == "COMPLETED"
    until(lambda: "waits for somebody's transaction" in worker.log)
    client.execute("rollback")
    assert ended(connection, parent, seconds=8)["status"] == "COMPLETED"
    assert violations(connection) == []


def test_a_function_that_is_being_declared_keeps_no_worker_from_working(
    connection: psycopg.Connection, worker_process: WorkerFactory, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection, name="a")
    client = connect()
    client.execute("begin")
    client.execute("select pgworker.declare_functions('{score}')")
    worker = worker_process(poll_seconds=0.2, functions="tests.support.functions")
    assert ended(connection, start(connection, "a"), seconds=8)["status"] == "COMPLETED"
    assert "functions wait for somebody's transaction" in worker.log
    client.execute("rollback")
    declared = "select count(*) from pgworker.functions where name = 'score'"
    until(lambda: connection.execute(declared).fetchone() == (1,), seconds=10)


def test_however_many_wait_for_a_transaction_others_are_quick(
    connection: psycopg.Connection, worker_process: WorkerFactory, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection, name="a")
    define(connection, [EMITS], name="emits")
    worker_process(poll_seconds=0.2)
    client = connect()
    client.execute("begin")
    client.execute("select pgworker.publish_event('x.paid', '{}', source => '/till', id => 'receipt-1')")
    waiting = [start(connection, "emits") for _ in range(60)]
    began = time.monotonic()
    for _ in range(5):
        ended(connection, start(connection, "a"))
    assert time.monotonic() - began < 20
    client.execute("commit")
    until(lambda: are_ended(connection, waiting), seconds=40)
    assert connection.execute("select count(*) from pgworker.cloud_events").fetchone() == (1,)
