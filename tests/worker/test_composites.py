"""Forks, tries and timeouts with a real worker: the database agrees with what the engine decided."""

from __future__ import annotations

import psycopg

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.workflows import call, define, ended, start

RETRY = {"delay": {"milliseconds": 50}, "backoff": {"exponential": {}}, "limit": {"attempt": {"count": 2}}}


def test_a_fork_a_retried_call_and_a_timeout_leave_nothing_behind(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    branches = [
        {"failing": {"try": [{"ask": call(f"{stub.url}/status/503")}],
                     "catch": {"retry": RETRY, "do": [{"note": {"set": {"status": "${ $error.status }"}}}]}}},
        {"slow": {"try": [{"nap": {"wait": {"seconds": 30}, "timeout": {"after": {"milliseconds": 100}}}}],
                  "catch": {"errors": {"with": {"status": 408}}, "do": [{"late": {"set": {"late": True}}}]}}},
    ]  # fmt: skip
    define(connection, [{"both": {"fork": {"branches": branches}}}])
    worker_process(poll_seconds=60)
    started = start(connection)
    assert ended(connection, started)["output"] == [{"status": 503}, {"late": True}]
    asked = connection.execute(
        "select attempt, status from pgworker.tasks where workflow_id = %s and name = 'ask' order by seq",
        [started],
    ).fetchall()
    assert asked == [(1, "FAILED"), (2, "FAILED"), (3, "FAILED")]
    assert violations(connection) == []


def test_the_branch_that_lost_is_cancelled_at_once(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    branches = [{"quick": {"wait": {"milliseconds": 50}}}, {"slow": call(f"{stub.url}/slow?ms=60000")}]
    define(
        connection,
        [{"race": {"fork": {"compete": True, "branches": branches}}}, {"rest": {"wait": "PT0.1S"}}],
    )
    worker_process(poll_seconds=60)
    started = start(connection)
    assert ended(connection, started)["status"] == "COMPLETED"
    statuses = dict(
        connection.execute(
            "select name, status from pgworker.tasks where workflow_id = %s", [started]
        ).fetchall()
    )
    assert statuses == {"race": "COMPLETED", "quick": "COMPLETED", "slow": "CANCELLED", "rest": "COMPLETED"}
    assert violations(connection) == []
