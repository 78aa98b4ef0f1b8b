"""What others append to a history may hold anything: it neither alarms ``verify`` nor hides what is wrong."""

from __future__ import annotations

import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, history, start, workflow

NAP = {"nap": {"wait": {"hours": 1}}}
LISTEN = {"hear": {"listen": {"to": {"one": {"with": {"type": "never"}}}}}}


def _problems(connection: psycopg.Connection) -> list[str]:
    return [row[0] for row in connection.execute("select problem from pgworker.check_workflows()")]


def _note(connection: psycopg.Connection, workflow_id: str, data: object) -> None:
    connection.execute("select pgworker.append_event(%s, 'note', %s)", [workflow_id, Jsonb(data)])


@pytest.mark.parametrize("task", [NAP, LISTEN], ids=["timer", "listen"])
def test_a_note_that_looks_like_the_engines_is_no_flaw(
    connection: psycopg.Connection, worker_process: WorkerFactory, task: dict[str, object]
) -> None:
    define(connection, [task])
    worker_process(poll_seconds=0.1)
    started = start(connection)
    until(lambda: len(history(connection, started)) >= 3, what="the task to wait")
    for data in (
        {"ends_jobs": [2, 3]},
        {"ends_jobs": "x"},
        {"ends_listen": True, "start": 2},
        {"timer": "x"},
    ):
        _note(connection, started, data)
    assert _problems(connection) == []


def test_such_a_note_hides_no_job_that_is_missing(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [NAP])
    worker = worker_process(poll_seconds=0.1)
    started = start(connection)
    until(lambda: len(history(connection, started)) == 3, what="the timer")
    worker.kill()
    _note(connection, started, {"ends_jobs": [3]})
    connection.execute("delete from pgworker.jobs where workflow_id = %s and seq = 3", [started])
    assert "a timer that is set has no job" in _problems(connection)


def test_a_long_history_that_goes_on_is_verified_in_a_moment(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    body = [{"short": {"wait": {"milliseconds": 0}}}]
    define(connection, [{"loop": {"for": {"in": "${ [range(2500)] }"}, "do": body}}, NAP])
    worker_process(poll_seconds=0.1)
    started = start(connection)
    until(lambda: workflow(connection, started)["last_seq"] > 12_000, seconds=60, what="the history")
    began = time.monotonic()
    assert _problems(connection) == []
    assert time.monotonic() - began < 3


def test_an_error_with_a_number_that_no_column_holds_is_listed_with_the_others(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    error = {"type": "https://x.test/e", "title": "t", "status": 99_999_999_999}
    define(connection, [{"bad": {"raise": {"error": error}}}])
    worker_process(poll_seconds=0.1)
    ended(connection, start(connection))
    rows = connection.execute("select title, status, workflows from pgworker.failures").fetchall()
    assert rows == [("t", None, 1)]


def test_a_purge_leaves_the_cloud_events_that_a_failed_workflow_needs_when_it_is_retried(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    hear = {"hear": {"listen": {"to": {"one": {"with": {"type": "once"}}}}}}
    fail = {"ask": call(f"{stub.url}/flaky?of=it", method="post")}
    later = {"later": {"do": [{"nap": {"wait": {"milliseconds": 500}}}, fail]}}
    define(connection, [{"both": {"fork": {"branches": [hear, later]}}}])
    worker_process(poll_seconds=0.1)
    started = start(connection)
    until(lambda: "listen.started" in [event.type for event in history(connection, started)])
    connection.execute("select pgworker.publish_event('once', '1')")
    assert ended(connection, started)["status"] == "FAILED"
    connection.execute("select pgworker.purge('0 s', array['COMPLETED'])")
    connection.execute("select pgworker.retry_workflow(%s)", [started])
    assert ended(connection, started)["status"] == "COMPLETED"
