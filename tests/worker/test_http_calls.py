"""HTTP calls as workflows make them: their output, their key, and answers that cannot be kept."""

from __future__ import annotations

import base64
import json
import re

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.workflows import call, define, ended, history, start

COMMUNICATION = "https://serverlessworkflow.io/spec/1.0.0/errors/communication"


@pytest.fixture(autouse=True)
def _worker(worker_process: WorkerFactory) -> None:
    worker_process(poll_seconds=60)


def test_the_content_is_the_output(connection: psycopg.Connection, stub: Stub) -> None:
    body = {"method": "post", "body": {"n": "${ .n }"}, "query": {"q": "${ .n | tostring }"}}
    define(connection, [{"ask": call(f"{stub.url}/echo", **body)}])
    row = ended(connection, start(connection, input={"n": 7}))
    assert row["status"] == "COMPLETED", row
    assert row["output"]["method"] == "POST"
    assert row["output"]["query"] == {"q": "7"}
    assert json.loads(row["output"]["body"]) == {"n": 7}
    assert violations(connection, stub.effects()) == []


def test_raw_is_the_bytes_in_base64(connection: psycopg.Connection, stub: Stub) -> None:
    define(connection, [{"ask": call(f"{stub.url}/text", output="raw")}])
    row = ended(connection, start(connection))
    assert base64.b64decode(row["output"]) == b"plain text"


def test_response_is_the_whole_answer(connection: psycopg.Connection, stub: Stub) -> None:
    define(connection, [{"ask": call(f"{stub.url}/echo", output="response")}])
    output = ended(connection, start(connection))["output"]
    assert output["statusCode"] == 200
    assert output["content"]["method"] == "GET"
    assert {name.lower(): value for name, value in output["headers"].items()}["x-stub"] == "yes"
    assert output["request"]["uri"] == f"{stub.url}/echo"


def test_the_idempotency_key_names_the_workflow_and_the_event_that_scheduled_the_call(
    connection: psycopg.Connection, stub: Stub
) -> None:
    each = {"for": {"in": "${ [1, 2] }"}, "do": [{"again": call(f"{stub.url}/count")}]}
    define(connection, [{"once": call(f"{stub.url}/count")}, {"each": each}])
    started = start(connection)
    ended(connection, started)
    scheduled = [event.seq for event in history(connection, started) if "activity" in event.data]
    assert len(scheduled) == 3
    assert [effect.key for effect in stub.effects()] == [f"{started}:{seq}" for seq in scheduled]
    assert violations(connection, stub.effects()) == []


@pytest.mark.parametrize("status", [404, 500])
def test_an_answer_that_says_no_fails_the_task_with_its_status(
    connection: psycopg.Connection, stub: Stub, status: int
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/status/{status}")}])
    row = ended(connection, start(connection))
    assert row["status"] == "FAILED"
    assert (row["error"]["type"], row["error"]["status"]) == (COMMUNICATION, status)
    assert row["error"]["instance"] == "/do/0/ask"
    assert violations(connection, stub.effects()) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [("nul", r"NUL.*/inner/text"), ("nan", r"NaN.*/inner/1"), ("big", r"larger|limit|bytes")],
)
def test_an_answer_that_cannot_be_kept_fails_that_task_alone(
    connection: psycopg.Connection, stub: Stub, path: str, says: str
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/{path}")}], name="bad")
    define(connection, [{"ask": call(f"{stub.url}/count")}], name="good")
    started = [start(connection, name) for name in ("good", "bad", "good", "bad", "good")]
    rows = [ended(connection, one) for one in started]
    assert [row["status"] for row in rows] == ["COMPLETED", "FAILED", "COMPLETED", "FAILED", "COMPLETED"]
    for bad in (rows[1], rows[3]):
        assert bad["error"]["type"] == COMMUNICATION
        assert bad["error"]["instance"] == "/do/0/ask"
        assert bad["error"]["status"] == 500
        with_text = bad["error"]["detail"].replace("\n", " ")
        assert re.search(says, with_text), with_text
    assert all(count == 1 for count in stub.keys().values())
    assert violations(connection, stub.effects()) == []


def test_a_service_that_is_not_there_fails_the_task(connection: psycopg.Connection) -> None:
    define(connection, [{"ask": call("http://127.0.0.1:9/")}])
    row = ended(connection, start(connection))
    assert (row["status"], row["error"]["type"]) == ("FAILED", COMMUNICATION)
    assert violations(connection) == []
