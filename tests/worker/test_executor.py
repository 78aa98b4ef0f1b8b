"""Activities are handed over to an executor, which may come and go."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import psycopg
import pytest

from pgworker.activities.handover import (
    completed,
    failed,
    outcome_of,
    request_of,
    requested,
)
from pgworker.errors import Fault, FaultKind
from tests.conftest import WorkerFactory
from tests.support.executing import TOKEN, executor
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, start


def _post(url: str, body: object, token: str = TOKEN) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Authorization": f"Bearer {token}"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_workflow_is_carried_out_by_an_executor(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    told = [{"told": {"set": {"status": "${ $e.status }"}}}]
    refused = {"try": [{"x": call(f"{stub.url}/status/404")}], "catch": {"as": "e", "do": told}}
    define(connection, [{"ask": call(f"{stub.url}/count", method="post")}, {"no": refused}])
    with executor() as url:
        # what the worker itself may reach does not matter
        worker_process(poll_seconds=0.2, executor_url=url, executor_token=TOKEN, http_allow_private="")
        started = start(connection)
        row = ended(connection, started)
    assert (row["status"], row["output"]) == ("COMPLETED", {"status": 404}), row["error"]
    [effect] = stub.effects("/count")
    assert effect.key.startswith(f"{started}:")
    assert violations(connection, stub.effects()) == []


def test_an_executor_that_dies_is_waited_for(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=300", method="post")}])
    with executor() as url:
        worker_process(poll_seconds=0.2, executor_url=url, executor_token=TOKEN)
        assert ended(connection, start(connection))["status"] == "COMPLETED"
    started = start(connection)  # nobody is there now
    time.sleep(1)
    port = int(url.rstrip("/").rpartition(":")[2])
    with executor(port):
        row = ended(connection, started)
    assert row["status"] == "COMPLETED", row["error"]
    assert set(stub.keys().values()) == {1}


def test_an_executor_with_more_than_it_can_do_is_asked_again(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=100", method="post")}])
    with executor(concurrency=1) as url:
        worker_process(poll_seconds=0.2, executor_url=url, executor_token=TOKEN, concurrency=5)
        started = [start(connection) for _ in range(5)]
        assert {ended(connection, one)["status"] for one in started} == {"COMPLETED"}
    assert set(stub.keys().values()) == {1}


def test_an_activity_that_nobody_wants_any_more_is_ended_there(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    slow = {**call(f"{stub.url}/slow?ms=60000"), "timeout": {"after": {"milliseconds": 500}}}
    define(connection, [{"ask": slow}])
    with executor(concurrency=1) as url:
        worker_process(poll_seconds=0.2, executor_url=url, executor_token=TOKEN, lease_seconds=1)
        assert ended(connection, start(connection))["error"]["status"] == 408
        again = request_of(
            {"activity": "http", "arguments": {"method": "get", "endpoint": f"{stub.url}/count"}}, "k"
        )
        until(lambda: _post(url, again)[0] == 200, what="the slot to be free again")


def test_the_executor_tells_requests_from_others() -> None:
    with executor() as url:
        assert _post(url, {}, token="wrong")[0] == 401
        assert _post(url, {"type": "another"})[0] == 400
        unknown = _post(url, request_of({"activity": "magic", "arguments": {}}, "k"))
        assert unknown[0] == 200
        with pytest.raises(Fault, match="cannot perform"):
            outcome_of(unknown[1])


def test_what_is_handed_over_comes_back_as_it_was() -> None:
    scheduled = {"kind": "call", "in": 3, "activity": "http", "arguments": {"a": [1]}, "declared": ["s"]}
    assert requested(request_of(scheduled, "w:7", 2)) == (
        {"activity": "http", "arguments": {"a": [1]}, "declared": ["s"], "attempt": 2},
        "w:7",
    )
    assert outcome_of(completed("w:7", None)) is None
    fault = Fault(FaultKind.COMMUNICATION, "gone", status=410, title="Gone")
    with pytest.raises(Fault) as caught:
        outcome_of(failed("w:7", fault))
    assert caught.value.problem("/") == fault.problem("/")
    with pytest.raises(ValueError, match="not a CloudEvent"):
        outcome_of({"type": "x"})


def test_an_executor_performs_python_functions(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    functions = "tests.support.functions"
    define(connection, [{"f": {"call": "identify"}}])
    with executor(PGWORKER_FUNCTIONS=functions) as url:
        worker = worker_process(executor_url=url, executor_token=TOKEN, functions=functions)
        started = start(connection)
        row = ended(connection, started)
    assert row["status"] == "COMPLETED", row["error"]
    assert (row["output"]["key"], row["output"]["attempt"]) == (f"{started}:2", 1)
    assert row["output"]["pid"] != worker.pid


def test_what_an_executor_logs_of_an_activity_says_whose_it_is_and_which_attempt(stub: Stub) -> None:
    log: list[str] = []
    with executor(log=log, PGWORKER_BREAKER_FAILURES="1") as url:
        for workflow, attempt in (("one", 3), ("other", 1)):
            asked = {"activity": "http", "arguments": call(f"{stub.url}/status/503?of={workflow}")["with"]}
            status, _ = _post(url, request_of(asked, f"{workflow}:7", attempt))
            assert status == 200
    opened = [line for line in map(json.loads, log) if line["event"] == "a circuit is open"]
    assert [(line["workflow_id"], line["attempt"]) for line in opened] == [("one", 3)]
    assert not [line for line in map(json.loads, log) if line.get("workflow_id") == "other"]
