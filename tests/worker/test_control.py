"""Workflows are paused, resumed and retried while workers work on them."""

from __future__ import annotations

import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import Task, call, define, ended, history, start, workflow

PAUSE = "select pgworker.pause_workflow(%s)"
RESUME = "select pgworker.resume_workflow(%s)"
RETRY = "select pgworker.retry_workflow(%s)"


def _pause(connection: psycopg.Connection, started: str, type_: str) -> None:
    """Pauses the workflow once there is an event of this type."""
    until(lambda: any(event.type == type_ for event in history(connection, started)))
    assert connection.execute(PAUSE, [started]).fetchone() == (True,)


def _stands_still(connection: psycopg.Connection, started: str) -> None:
    until(
        lambda: (
            not connection.execute("select from pgworker.jobs where kind in ('decide', 'perform')").rowcount
        )
    )
    before = len(history(connection, started))
    time.sleep(0.5)
    assert len(history(connection, started)) == before
    assert workflow(connection, started)["status"] == "PAUSED"
    assert violations(connection) == []


def test_a_timer_that_comes_due_meanwhile_fires_afterwards(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"nap": {"wait": {"milliseconds": 700}}}, {"done": {"set": {"ok": True}}}])
    worker_process(poll_seconds=0.2)
    started = start(connection)
    _pause(connection, started, "timer.set")
    time.sleep(0.6)
    _stands_still(connection, started)
    connection.execute(RESUME, [started])
    assert ended(connection, started)["output"] == {"ok": True}
    assert violations(connection) == []


def test_a_cloud_event_that_comes_meanwhile_is_consumed_afterwards(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"hear": {"listen": {"to": {"one": {"with": {"type": "paid"}}}}}}])
    worker_process(poll_seconds=0.2)
    started = start(connection)
    _pause(connection, started, "listen.started")
    connection.execute("select pgworker.publish_event('paid', %s)", [Jsonb({"n": 1})])
    until(lambda: connection.execute("select from pgworker.correlated_events").rowcount == 1)
    _stands_still(connection, started)
    connection.execute(RESUME, [started])
    assert ended(connection, started)["output"] == [{"n": 1}]
    assert violations(connection) == []


def test_a_child_that_ends_meanwhile_is_reported_afterwards(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"nap": {"wait": {"milliseconds": 400}}}, {"done": {"set": {"n": 7}}}], "child")
    run: Task = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}
    define(connection, [{"child": run}], "parent")
    worker_process(poll_seconds=0.2)
    started = start(connection, "parent")
    _pause(connection, started, "child.started")
    until(
        lambda: connection.execute("select from pgworker.workflows where status = 'COMPLETED'").rowcount == 1
    )
    _stands_still(connection, started)
    connection.execute(RESUME, [started])
    assert ended(connection, started)["output"] == {"n": 7}
    assert violations(connection) == []


def test_a_call_that_is_under_way_is_finished_and_the_next_one_waits(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"a": call(f"{stub.url}/slow?ms=400")}, {"b": call(f"{stub.url}/count")}])
    worker_process(poll_seconds=0.2)
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    connection.execute(PAUSE, [started])
    until(lambda: history(connection, started)[-1].type == "task.completed")
    _stands_still(connection, started)
    assert not stub.effects("/count")
    connection.execute(RESUME, [started])
    assert ended(connection, started)["status"] == "COMPLETED"
    assert set(stub.keys().values()) == {1}
    assert violations(connection, stub.effects()) == []


@pytest.mark.parametrize("from_task", [None, "ask", "first"])
def test_a_failed_workflow_goes_on_once_the_world_is_better(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub, from_task: str | None
) -> None:
    flaky = call('${ "' + stub.url + '/flaky?of=" + $workflow.id }', method="post")
    inner: list[Task] = [{"first": call(f"{stub.url}/count")}, {"ask": flaky}]
    define(connection, [{"inner": {"do": inner}}, {"done": {"set": {"ok": True}}}])
    worker_process(poll_seconds=0.2)
    started = start(connection)
    assert ended(connection, started)["status"] == "FAILED"
    assert connection.execute("select pgworker.retry_workflow(%s, %s)", [started, from_task]).fetchone() == (
        True,
    )
    row = ended(connection, started)
    assert (row["status"], row["output"], row["error"]) == ("COMPLETED", {"ok": True}, None)
    assert len(stub.effects("/count")) == (2 if from_task == "first" else 1)
    assert violations(connection, stub.effects()) == []


def test_a_workflow_whose_retry_fails_again_can_be_retried_again(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"wait": {"wait": {"milliseconds": 1}}}, {"no": call(f"{stub.url}/status/404")}])
    worker_process(poll_seconds=0.2)
    started = start(connection)
    for times in (1, 2, 3):
        assert ended(connection, started)["status"] == "FAILED"
        assert len(stub.effects("/status")) == times
        assert connection.execute(RETRY, [started]).fetchone() == (True,)
    assert ended(connection, started)["status"] == "FAILED"
    assert violations(connection, stub.effects()) == []


def test_what_goes_on_after_a_retry_is_told_as_running_and_once_it_has_ended_once(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    hear: Task = {"hear": {"listen": {"to": {"one": {"with": {"type": "go"}}}}}}
    flaky = call('${ "' + stub.url + '/flaky?of=" + $workflow.id }', method="post")
    define(connection, [{"outer": {"do": [{"inner": {"do": [{"ask": flaky}, hear]}}]}}])
    worker_process(poll_seconds=0.2)
    started = start(connection)
    assert ended(connection, started)["status"] == "FAILED"
    failed = [("outer", "FAILED"), ("inner", "FAILED"), ("ask", "FAILED")]
    assert _told(connection, started) == failed
    before = workflow(connection, started)["last_seq"]
    connection.execute(RETRY, [started])
    until(lambda: ("hear", "RUNNING") in _told(connection, started))
    going = [("outer", "RUNNING"), ("inner", "RUNNING"), ("ask", "FAILED"), ("ask", "COMPLETED")]
    assert _told(connection, started) == [*going, ("hear", "RUNNING")]
    assert _told(connection, started, "state_at(%s)") == _told(connection, started)
    assert _told(connection, started, f"state_at(%s, {before})") == failed
    connection.execute("select pgworker.publish_event('go')")
    assert ended(connection, started)["status"] == "COMPLETED"
    done = [("outer", "COMPLETED"), ("inner", "COMPLETED"), ("ask", "FAILED"), ("ask", "COMPLETED")]
    assert _told(connection, started) == [*done, ("hear", "COMPLETED")]
    assert _told(connection, started, "state_at(%s)") == _told(connection, started)


def _fail_by_strikes(connection: psycopg.Connection, started: str) -> None:
    connection.execute(
        "insert into pgworker.jobs (workflow_id, seq, kind, namespace, attempt)"
        " values (%s, 0, 'decide', 'default', 3)",
        [started],
    )
    assert ended(connection, started)["status"] == "FAILED"


def _told(
    connection: psycopg.Connection, started: str, where: str = "tasks where workflow_id = %s"
) -> list[tuple[str, str]]:
    return connection.execute(
        f"select name, status from pgworker.{where} order by seq".encode(), [started]
    ).fetchall()


def test_a_task_that_was_left_when_its_workflow_failed_by_strikes_is_cancelled_after_a_retry(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    inner: list[Task] = [{"one": {"set": {"a": 1}}}, {"nap": {"wait": {"seconds": 3}}}]
    define(connection, [{"pre": {"set": {"a": 0}}}, {"outer": {"do": inner}}])
    worker_process(poll_seconds=0.1)
    started = start(connection)
    until(lambda: ("nap", "RUNNING") in _told(connection, started))
    _fail_by_strikes(connection, started)
    for times in (1, 2):
        connection.execute("select pgworker.retry_workflow(%s, 'pre')", [started])
        until(lambda n=times: _told(connection, started).count(("pre", "COMPLETED")) > n)
        until(lambda: ("nap", "RUNNING") in _told(connection, started))
        running = [name for name, status in _told(connection, started) if status == "RUNNING"]
        assert running == ["outer", "nap"]
        assert _told(connection, started, "state_at(%s)") == _told(connection, started)
        _fail_by_strikes(connection, started)
