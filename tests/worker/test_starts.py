"""Starts: what commits is done, at once, and what does not leaves nothing."""

from __future__ import annotations

import time

import psycopg

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.workflows import define, ended, start


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
