"""Activities are handed over to an executor, which may come and go."""

from __future__ import annotations

import json
import time

import psycopg
import pytest

from pgworker.activities.handover import (
    completed,
    failed,
    outcome_of,
    request_of,
    requested,
)
from pgworker.engine.faults import problem_of
from pgworker.errors import Fault, FaultKind, ValueRefused
from pgworker.types import JsonValue
from pgworker.values import MAX_DEPTH, canonical
from tests.conftest import WorkerFactory
from tests.support.executing import TOKEN, executor, posted
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, start

FUNCTIONS = "tests.support.functions"


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
        until(lambda: posted(url, again)[0] == 200, what="the slot to be free again")


def test_the_executor_tells_requests_from_others() -> None:
    with executor() as url:
        assert posted(url, {}, token="wrong")[0] == 401
        assert posted(url, {"type": "another"})[0] == 400
        unknown = posted(url, request_of({"activity": "magic", "arguments": {}}, "k"))
        assert unknown[0] == 200
        with pytest.raises(Fault, match="cannot perform"):
            outcome_of(json.dumps(unknown[1]).encode())


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
        outcome_of(b'{"type": "x"}')


@pytest.mark.parametrize(
    "output",
    [["a", {"b\0": "c"}], {"a": ["\ud800"]}, float("nan"), [b"bytes"], {"big": "x" * (8 * 1024 * 1024 + 1)}],
)
def test_an_output_that_no_workflow_can_have_fails_as_it_does_without_an_executor(output: JsonValue) -> None:
    with pytest.raises(ValueRefused) as refused:
        canonical(output)
    with pytest.raises(Fault) as caught:
        outcome_of(completed("w:7", output))
    assert problem_of(caught.value, "/") == problem_of(refused.value, "/")


def test_an_output_beyond_what_may_be_handed_over_fails() -> None:
    with pytest.raises(Fault, match="the output takes more than the 16777216 bytes") as caught:
        outcome_of(completed("w:7", ["x" * 1024 * 1024] * 16))
    assert caught.value.kind is FaultKind.RUNTIME


def test_an_output_that_is_as_deep_or_wide_as_a_workflow_can_have_comes_back_as_it_was() -> None:
    deep: JsonValue = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    for output in (canonical(deep), "é" * (7 * 1024 * 1024)):
        assert outcome_of(completed("w:7", output)) == output


def test_a_failure_that_says_what_no_workflow_can_keep_comes_back_without_it() -> None:
    with pytest.raises(Fault) as caught:
        outcome_of(failed("w:7", Fault(FaultKind.RUNTIME, "a\0b\ud800", status=2**70)))
    assert caught.value.detail == "a\\u0000b\\ud800"


def test_an_executor_that_lets_pass_what_no_workflow_can_have_fails_the_activity() -> None:
    answer = completed("w:7", "HERE")
    for written in (b'["a", "b\\u0000"]', b'"\\ud800"', b"1e400"):
        with pytest.raises(Fault, match="a value cannot be kept") as caught:
            outcome_of(answer.replace(b'"HERE"', written))
        assert "/data" not in caught.value.detail


@pytest.mark.parametrize(
    ("told", "fails_the_same"),
    [
        ({"run": {"shell": {"command": "printf 'a\\0b'"}}}, True),
        ({"call": "much", "with": {"rows": 9, "letters": 1_000_000}}, True),
        ({"call": "much", "with": {"rows": 20, "letters": 1_000_000}}, False),
    ],
)
def test_what_no_workflow_can_keep_fails_its_task_at_once(
    told: dict[str, object],
    fails_the_same: bool,
    connection: psycopg.Connection,
    worker_process: WorkerFactory,
) -> None:
    define(connection, [{"tell": told}])
    alone = worker_process(poll_seconds=0.2, run_allow="shell", functions=FUNCTIONS)
    without = ended(connection, start(connection))
    alone.end()
    with executor(PGWORKER_RUN_ALLOW="shell", PGWORKER_FUNCTIONS=FUNCTIONS) as url:
        worker = worker_process(poll_seconds=0.2, executor_url=url, executor_token=TOKEN, functions=FUNCTIONS)
        within = ended(connection, start(connection))
    assert within["status"] == "FAILED"
    assert within["error"]["type"] == without["error"]["type"]
    assert (within["error"] == without["error"]) is fails_the_same
    assert "did not answer as it should" not in worker.log
