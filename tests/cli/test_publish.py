"""``pgworker publish`` and ``pgworker lifecycle``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest


def _published(connection):
    return connection.execute(
        "select id, type, source, event_id, subject, time, data, extensions"
        " from pgworker.cloud_events order by id"
    ).fetchall()


def test_publish_prints_the_id_of_an_event_with_nothing_but_a_type(pgworker, connection):
    answer = pgworker("publish", "order.paid")
    [(id_, type_, source, event_id, subject, _, data, extensions)] = _published(connection)
    assert (answer.code, answer.out, answer.err) == (0, f"{id_}\n", "")
    assert (type_, source, event_id, subject) == ("order.paid", "/sql", str(id_), None)
    assert (data, extensions) == (None, {})


def test_all_attributes_can_be_given(pgworker, connection):
    answer = pgworker(
        *("publish", "order.paid", "-d", '{"amount": 12}', "--source", "/shop", "--subject", "o-1"),
        *("--id", "7", "--time", "2026-01-31T09:00:00+01:00", "-o", "json"),
        *("-x", "tenant=a=b", "-x", "count=3", "-x", "urgent=true", "-x", "big=4294967296", "-x", "list=[1]"),
    )
    [(id_, *row)] = _published(connection)
    assert answer.value == {"id": str(id_)}
    assert row == [
        "order.paid",
        "/shop",
        "7",
        "o-1",
        datetime(2026, 1, 31, 8, tzinfo=UTC),
        {"amount": 12},
        {"tenant": "a=b", "count": 3, "urgent": True, "big": "4294967296", "list": "[1]"},
    ]


def test_the_data_may_be_a_file_or_stdin(pgworker, connection):
    (pgworker.folder / "data.json").write_text("[1]")
    assert pgworker("publish", "a", "-d", "@data.json").code == 0
    assert pgworker("publish", "a", "-d", "-", stdin='"text"').code == 0
    assert [row[6] for row in _published(connection)] == [[1], "text"]


def test_the_same_source_and_id_is_published_once(pgworker, connection):
    first, again = (pgworker("publish", "a", "--source", "/s", "--id", "1").out for _ in range(2))
    assert first == again
    assert len(_published(connection)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument"),
        ([""], "the type of an event cannot be empty"),
        (["a", "--source", ""], "the source of an event cannot be empty"),
        (["a", "--id", ""], "the id of an event cannot be empty"),
        (["a", "--subject", ""], "the subject of an event cannot be empty"),
        (["a", "-d", "{"], "--data is not JSON"),
        (["a", "-d", '"\\u0000"'], "--data has what JSON cannot hold"),
        (["a", "--time", "tomorrow"], "is not a time"),
        (["a", "-x", "tenant"], "write key=value"),
        (["a", "-x", "Tenant=a"], "small letters and digits"),
        (["a", "-x", "type=b"], "type is no extension"),
    ],
)
def test_bad_input_is_one_usage_error_and_publishes_nothing(pgworker, connection, arguments, said):
    answer = pgworker("publish", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert answer.err.count("Error") == 1
    assert _published(connection) == []


def test_what_the_database_refuses_is_told(pgworker):
    answer = pgworker("publish", "a", "--id", "x" * 1025)
    assert (answer.code, answer.out) == (1, "")
    assert "1024 bytes at most" in answer.err


def test_bytes_that_are_no_text_are_refused(pgworker):
    answer = pgworker("publish", "a", "--subject", "\udcff")
    assert (answer.code, answer.out) == (1, "")
    assert "half of a surrogate pair (at /subject)" in answer.err


@pytest.fixture
def completed(pgworker):
    return pgworker("run", "hello.yaml", "-P", "name=Ada", "--json").value["workflow_id"]


TYPES = ["workflow.started", "task.created", "task.started", "task.completed", "workflow.completed"]


def test_lifecycle_lists_one_cloud_event_a_line(pgworker, completed):
    rows = pgworker("lifecycle", completed).rows
    assert [row["type"] for row in rows] == [f"io.serverlessworkflow.{type_}.v1" for type_ in TYPES]
    assert {(row["specversion"], row["source"]) for row in rows} == {("1.0", "/test/hello/1.0.0")}
    assert pgworker("lifecycle", completed, "-o", "jsonl").rows == rows
    assert pgworker("lifecycle", completed, "-o", "json").value == rows


def test_lifecycle_as_a_table_names_the_tasks(pgworker, completed):
    head, *lines = pgworker("lifecycle", completed, "-o", "table").out.splitlines()
    assert head.split() == ["seq", "time", "type", "task"]
    assert len(lines) == len(TYPES)
    first, *_, type_, task = lines[1].split()
    assert (first, type_, task) == ("2", "io.serverlessworkflow.task.created.v1", "/do/0/greet")


def test_a_lifecycle_of_nothing_is_empty_and_of_nobody_is_not_found(pgworker):
    pgworker("deploy", "hello.yaml")
    put_off = pgworker("start", "test/hello", "--at", "2999-01-01T00:00:00Z").out.strip()
    assert (pgworker("lifecycle", put_off, "-o", "json").value) == []
    missing = pgworker("lifecycle", "6f1c3f0e-0000-4000-8000-000000000001")
    assert (missing.code, missing.out) == (4, "")


def test_a_lifecycle_event_can_be_published_as_it_stands(pgworker, connection, completed):
    event = pgworker("lifecycle", completed).rows[-1]
    pgworker(
        *("publish", event["type"], "--id", event["id"], "--source", event["source"]),
        *("--subject", event["subject"], "--time", event["time"], "-d", json.dumps(event["data"])),
    )
    row = connection.execute("select pgworker.publish_lifecycle_events(%s)", [UUID(completed)]).fetchone()
    assert row == (len(TYPES) - 1,)
