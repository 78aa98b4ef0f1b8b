"""Logs tell what happens to workflows, and never what is in them."""

from __future__ import annotations

import json
import re

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, start

CANARY = "canary-4711-secret"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_value_of_a_workflow_is_logged_whatever_goes_wrong(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub, log_format: str
) -> None:
    worker = worker_process(poll_seconds=0.2, log_level="DEBUG", log_format=log_format)
    define(
        connection, [{"a": {"set": {"kept": "${ .secret }"}}}, {"ask": call(f"{stub.url}/nul")}], name="fails"
    )
    define(connection, name="breaks")
    fails = start(connection, "fails", input={"secret": CANARY})
    broken = start(connection, "breaks", input={"secret": CANARY})
    connection.execute("alter table pgworker.events disable trigger history_is_append_only")
    connection.execute("select pgworker.cancel_workflow(%s)", [broken])
    unreadable = start(connection, "breaks", input={"secret": CANARY}, start_at="2999-01-01")
    # a history that no engine can have written: what it finds there breaks the fold
    connection.execute(
        "update pgworker.events set data = data || %s where workflow_id = %s",
        [Jsonb({"start_at": "never"}), unreadable],
    )
    connection.execute("update pgworker.jobs set due_at = now() where workflow_id = %s", [unreadable])
    ended(connection, fails)
    assert ended(connection, unreadable)["status"] == "FAILED"
    assert unreadable in worker.log
    assert re.findall(f".*{CANARY}.*", worker.log) == []


def test_a_log_in_json_is_one_object_a_line(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker = worker_process(poll_seconds=0.2, log_format="json")
    define(connection)
    ended(connection, start(connection))
    worker.terminate()
    assert worker.wait() == 0
    lines = worker.log.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("{") and line.endswith("}") for line in lines)
    assert violations(connection) == []


def test_what_is_logged_of_an_activity_says_whose_it_is_and_which_attempt(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    worker = worker_process(poll_seconds=0.2, log_format="json", run_allow="shell", lease_seconds=0.6)
    define(connection, [{"leave": {"run": {"shell": {"command": "true"}, "await": False}}}], name="leaves")
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=20000")}], name="asks")
    leaves, asks = start(connection, "leaves"), start(connection, "asks")
    ended(connection, leaves)
    until(lambda: stub.effects("/slow"), what="the call")
    connection.execute("select pgworker.cancel_workflow(%s)", [asks])
    expected = {
        "a process that nobody waits for has ended": (leaves, "/do/0/leave", 1),
        "an activity lost its lease": (asks, "/do/0/ask", 1),
    }
    for event, about in expected.items():
        until(lambda event=event: event in worker.log, what=event)
        (line,) = [line for line in map(json.loads, worker.log.splitlines()) if line["event"] == event]
        assert (line["workflow_id"], line["task"], line["attempt"]) == about
