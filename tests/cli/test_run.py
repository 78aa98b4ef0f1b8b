"""``pgworker run``: exit codes, stdout for programs, stderr for people."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from tests.support.waiting import until


def test_a_completed_workflow_prints_its_output_and_nothing_else(pgworker):
    answer = pgworker("run", "hello.yaml", "-i", '{"name": "Ada"}')
    assert (answer.code, answer.value) == (0, {"greeting": "Hello Ada"})
    assert answer.out.count("\n") == 1


def test_progress_is_told_on_stderr_unless_it_is_unwanted(pgworker):
    told = pgworker("run", "hello.yaml", "-P", "name=Ada").err
    assert "workflow " in told
    assert "✓ greet" in told
    assert "worker started" not in told
    assert "\x1b" not in told
    assert pgworker("run", "hello.yaml", "-P", "name=Ada", "--quiet").err == ""


def test_json_is_one_object_of_four_members(pgworker):
    value = pgworker("run", "hello.yaml", "-P", "name=Ada", "--json").value
    assert list(value) == ["workflow_id", "status", "output", "error"]
    assert value["status"] == "COMPLETED"
    assert value["output"] == {"greeting": "Hello Ada"}
    assert value["error"] is None


def test_a_failed_workflow_ends_with_1_and_its_problem_on_stderr(pgworker):
    answer = pgworker("run", "fails.yaml")
    assert (answer.code, answer.out) == (1, "")
    assert "no tea" in answer.err
    assert "instance: /do/0/boom" in answer.err


def test_a_failed_workflow_is_told_in_json_too(pgworker):
    answer = pgworker("run", "fails.yaml", "--json")
    assert answer.code == 1
    assert answer.value["status"] == "FAILED"
    assert answer.value["error"]["status"] == 418
    assert answer.value["error"]["instance"] == "/do/0/boom"


def test_a_workflow_that_is_cancelled_meanwhile_ends_with_3(pgworker, connection):
    running = pgworker.begin("run", "waits.yaml", "--json")
    workflow_id = until(lambda: _only_workflow(connection), what="the start")
    connection.execute("select pgworker.cancel_workflow(%s, 'enough')", [workflow_id])
    out, err = running.communicate(timeout=30)
    assert running.returncode == 3
    assert '"status":"CANCELLED"' in out
    assert "enough" in err


def test_a_run_that_takes_too_long_ends_with_5_and_loses_nothing(pgworker, connection):
    answer = pgworker("run", "waits.yaml", "--timeout", "0.2", "--json")
    assert answer.code == 5
    assert answer.value["error"] is None
    assert "hint: " in answer.err
    assert connection.execute("select status from pgworker.workflows").fetchone()[0] in ("PENDING", "RUNNING")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_gracefully_and_says_how_to_go_on(pgworker, connection, number, code):
    running = pgworker.begin("run", "waits.yaml", "--json")
    until(lambda: _jobs(connection) == [("decide", False)], what="the timer")
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert '"status":"RUNNING"' in out
    assert "pgworker worker" in err
    assert "Traceback" not in err
    assert connection.execute("select count(*) from pgworker.workers").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {}),
        (("-i", '{"a": 1.5}'), {"a": 1.5}),
        (("-i", "[1, null]"), [1, None]),
        (("-i", "null"), None),
        (("-P", "a=1", "-P", "b=two"), {"a": 1, "b": "two"}),
        (("-P", "c.d=true", "-P", "c.e=x=y"), {"c": {"d": True, "e": "x=y"}}),
        (("-i", '{"a": {"b": 1, "c": 2}}', "-P", "a.b=3"), {"a": {"b": 3, "c": 2}}),
        (("-P", 'a="1"', "-P", "b=NaN"), {"a": "1", "b": "NaN"}),
    ],
)  # fmt: skip
def test_the_input_is_put_together_from_json_and_members(pgworker, arguments, expected):
    assert pgworker("run", "echo.yaml", *arguments).value == expected


def test_the_input_is_read_from_a_file_and_from_stdin(pgworker):
    (pgworker.folder / "in.json").write_text('{"from": "file"}')
    assert pgworker("run", "echo.yaml", "-i", "@in.json").value == {"from": "file"}
    assert pgworker("run", "echo.yaml", "-i", "-", stdin='{"from": "stdin"}').value == {"from": "stdin"}


def test_the_document_is_read_from_stdin(pgworker):
    assert pgworker("run", "-", stdin=(pgworker.folder / "echo.yaml").read_text()).value == {}


def test_the_same_version_with_other_content_is_refused_with_a_hint(pgworker):
    assert pgworker("run", "echo.yaml").code == 0
    path: Path = pgworker.folder / "echo.yaml"
    path.write_text(path.read_text().replace("echo:", "other:"))
    answer = pgworker("run", "echo.yaml")
    assert answer.code == 1
    assert "test/echo:1.0.0 is defined already" in answer.err
    assert "new version" in answer.err


def test_a_database_without_the_schema_is_prepared(pgworker, connection):
    connection.execute("drop schema pgworker cascade")
    assert pgworker("run", "echo.yaml").code == 0


def test_a_database_with_another_schema_is_not_touched(pgworker, connection):
    connection.execute("update pgworker.alembic_version set version_num = '0000'")
    answer = pgworker("run", "echo.yaml")
    assert answer.code == 1
    assert "revision 0000" in answer.err
    assert "pgworker migrate" in answer.err


def _only_workflow(connection: psycopg.Connection) -> object:
    row = connection.execute("select id from pgworker.workflows where status = 'RUNNING'").fetchone()
    return row and row[0]


def _jobs(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute("select kind, due_at <= now() from pgworker.jobs").fetchall()
