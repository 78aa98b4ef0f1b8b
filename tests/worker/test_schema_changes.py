"""Workers of this version while somebody changes the database's functions under them."""

from __future__ import annotations

import psycopg

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, start


def test_what_a_worker_has_prepared_may_give_other_columns(
    connection: psycopg.Connection, direct_url: str, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/count")}])
    worker = worker_process(database_url=direct_url, poll_seconds=0.2)  # through a pooler nothing is prepared
    for _ in range(3):  # what is repeated is prepared
        assert ended(connection, start(connection))["status"] == "COMPLETED"
    with connection.transaction():
        (code,) = connection.execute(
            "select pg_get_functiondef('pgworker.claim_activities(text, integer, interval)'::regprocedure)"
        ).fetchone() or ("",)
        changed = code.replace("task text", "task character varying")
        assert changed != code
        connection.execute("drop function pgworker.claim_activities")
        connection.execute(changed.encode())
    for _ in range(3):
        assert ended(connection, start(connection))["status"] == "COMPLETED"
    assert worker.poll() is None
    lost = [line for line in worker.log.splitlines() if "the connection to the database was lost" in line]
    assert lost, "no plan was outdated"
    assert all("cached plan must not change" in line for line in lost)
    assert "a turn was refused" not in worker.log
    assert violations(connection, stub.effects(), kills=1) == []


def test_a_function_that_is_missing_is_no_workflows_fault(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection)
    worker = worker_process(poll_seconds=0.2)
    assert ended(connection, start(connection))["status"] == "COMPLETED"
    connection.execute("alter function pgworker.commit_turn rename to commit_turn_of_tomorrow")
    started = [start(connection) for _ in range(5)]
    until(lambda: worker.log.count("the schema does not fit") >= 4, what="the warnings")
    connection.execute("alter function pgworker.commit_turn_of_tomorrow rename to commit_turn")
    assert [ended(connection, one)["status"] for one in started] == ["COMPLETED"] * 5
    assert worker.poll() is None
    assert "a turn was refused" not in worker.log
    assert violations(connection) == []
