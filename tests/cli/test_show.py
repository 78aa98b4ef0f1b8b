"""``pgworker list``, ``show`` and ``history``."""

from __future__ import annotations

import pytest

from tests.support.workflows import define, start


@pytest.fixture
def ids(pgworker):
    """Three workflows, oldest first: completed, failed, and one that nobody works on."""
    completed = pgworker("run", "hello.yaml", "-P", "name=Ada", "--json").value["workflow_id"]
    failed = pgworker("run", "fails.yaml", "--json").value["workflow_id"]
    pending = pgworker("start", "test/hello", "--label", "team=blue").out.strip()
    return [completed, failed, pending]


def test_workflows_are_listed_newest_first_as_json_lines_for_programs(pgworker, ids):
    answer = pgworker("list")
    assert [row["id"] for row in answer.rows] == ids[::-1]
    assert {row["status"] for row in answer.rows} == {"PENDING", "FAILED", "COMPLETED"}
    assert answer.rows[2]["output"] == {"greeting": "Hello Ada"}


def test_the_list_is_filtered_and_paged(pgworker, ids):
    completed, failed, pending = ids

    def listed(*arguments: str) -> list[object]:
        return [row["id"] for row in pgworker("list", *arguments).rows]

    assert listed("--status", "failed") == [failed]
    assert listed("--status", "FAILED", "--status", "PENDING") == [pending, failed]
    assert listed("--name", "hello") == [pending, completed]
    assert listed("--namespace", "nowhere") == []
    assert listed("--label", "team=blue") == [pending]
    assert listed("--limit", "1") == [pending]
    assert listed("--limit", "1", "--before", pending) == [failed]


def test_json_is_one_array(pgworker, ids):
    assert [row["id"] for row in pgworker("list", "-o", "json").value] == ids[::-1]
    assert pgworker("list", "-o", "json", "--name", "nobody").value == []


def test_a_table_has_a_head_and_whole_ids(pgworker, ids):
    lines = pgworker("list", "-o", "table").out.splitlines()
    assert lines[0].split() == ["id", "status", "workflow", "created", "took", "error"]
    assert [line.split()[0] for line in lines[1:]] == ids[::-1]


def test_show_has_the_workflow_with_its_tasks(pgworker, ids):
    value = pgworker("show", ids[0]).value
    assert value["status"] == "COMPLETED"
    assert [(task["name"], task["status"], task["output"]) for task in value["tasks"]] == [
        ("greet", "COMPLETED", {"greeting": "Hello Ada"})
    ]
    table = pgworker("show", ids[1], "-o", "table").out
    assert "status     FAILED" in table
    assert "boom" in table


def test_history_is_numbered_without_gaps(pgworker, ids):
    rows = pgworker("history", ids[0]).rows
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["type"] for row in rows] == ["workflow.started", "task.completed", "workflow.completed"]
    assert rows[1]["output"] == {"greeting": "Hello Ada"}
    assert [row["seq"] for row in pgworker("history", ids[0], "--after", "2").rows] == [3]


def test_history_as_a_table_has_values_if_asked(pgworker, ids):
    brief = pgworker("history", ids[0], "-o", "table").out
    full = pgworker("history", ids[0], "-o", "table", "--full").out
    assert brief.splitlines()[0].split() == ["seq", "elapsed", "type", "task", "took", "error"]
    assert "Hello Ada" not in brief
    assert 'output: {"greeting":"Hello Ada"}' in full


def test_an_event_with_data_that_look_like_the_engines_is_shown_as_it_is(pgworker, connection):
    define(connection)
    started = start(connection)
    for data in ('{"attempt": "x", "error": "y"}', '{"attempt": 1e30, "error": [1]}'):
        connection.execute("select pgworker.append_event(%s, 'order.paid', %s)", [started, data])
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    told = pgworker("tail", started, "-o", "table").out
    assert [line.split()[1] for line in told.splitlines()] == [
        "workflow.started", "order.paid", "order.paid", "workflow.cancelled",
    ]  # fmt: skip
    assert pgworker("history", started, "-o", "table").code == 0
    rows = pgworker("history", started, "-o", "jsonl").rows
    assert [row["error"] for row in rows[1:3]] == [None, None]
