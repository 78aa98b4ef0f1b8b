"""cancel_workflow: once, for good, and with everything that was to be done."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from uuid import uuid4

import psycopg

from tests.support.oracle import violations
from tests.support.refusals import refused
from tests.support.turns import Draft, Turns
from tests.support.waiting import until
from tests.support.workflows import define, history, jobs, start, workflow

CANCEL = "select pgworker.cancel_workflow(%s, %s)"


def test_it_ends_the_workflow_with_the_reason(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    assert connection.execute(CANCEL, [started, "no longer wanted"]).fetchone() == (True,)
    row = workflow(connection, started)
    assert (row["status"], row["output"]) == ("CANCELLED", None)
    assert row["ended_at"] is not None
    assert row["error"] == {
        "type": "https://serverlessworkflow.io/spec/1.0.0/errors/runtime",
        "status": 499,
        "title": "Cancelled",
        "detail": "no longer wanted",
        "instance": "/",
    }
    assert history(connection, started)[-1].type == "workflow.cancelled"
    assert violations(connection) == []


def test_without_a_reason_there_is_no_detail(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    assert "detail" not in workflow(connection, started)["error"]


def test_the_second_time_is_false_and_changes_nothing(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    connection.execute(CANCEL, [started, "first"])
    assert connection.execute(CANCEL, [started, "second"]).fetchone() == (False,)
    assert workflow(connection, started)["error"]["detail"] == "first"
    assert violations(connection) == []


def test_an_unknown_workflow_is_refused(connection: psycopg.Connection) -> None:
    with refused("PW002", "there is no workflow"):
        connection.execute(CANCEL, [uuid4(), None])


def test_a_rolled_back_cancellation_leaves_nothing(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    with connection.transaction(force_rollback=True):
        connection.execute(CANCEL, [started, None])
    assert workflow(connection, started)["status"] == "PENDING"
    assert len(jobs(connection, started)) == 1
    assert violations(connection) == []


def test_all_its_jobs_go_and_those_of_others_stay(connection: psycopg.Connection) -> None:
    define(connection)
    started, other = start(connection), start(connection)
    turns = Turns(connection)
    [claimed] = [one for one in turns.claim() if one.id == started]
    draft = Draft(claimed)
    draft.job(draft.event("task.started", '{"activity": "http"}'), "perform", token=str(uuid4()))
    draft.job(draft.event("timer.set", '{"due_at": "2100-01-01T00:00:00Z"}'), "decide", due_at="2100-01-01")
    turns.commit(draft.done())
    assert len(jobs(connection, started)) == 2
    connection.execute(CANCEL, [started, None])
    assert jobs(connection, started) == []
    assert len(jobs(connection, other)) == 1


def test_it_waits_for_a_turn_and_comes_after_it(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection)
    started = start(connection)
    canceller = connect()
    turns = Turns(connection)
    [claimed] = turns.claim()
    answers: list[object] = []
    waiting = Thread(target=lambda: answers.append(canceller.execute(CANCEL, [started, None]).fetchone()))
    waiting.start()
    until(
        lambda: (
            connection.execute(
                "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s",
                [canceller.info.backend_pid],
            ).fetchone()
            == (True,)
        )
    )
    draft = Draft(claimed)
    draft.job(draft.event("task.started", '{"activity": "http"}'), "perform", token=str(uuid4()))
    turns.commit(draft.done())
    waiting.join(10)
    assert answers == [(True,)]
    assert [event.seq for event in history(connection, started)] == [1, 2, 3]
    assert jobs(connection, started) == []


def test_a_workflow_that_ends_meanwhile_is_not_cancelled(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection)
    started = start(connection)
    canceller = connect()
    turns = Turns(connection)
    [claimed] = turns.claim()
    answers: list[object] = []
    waiting = Thread(target=lambda: answers.append(canceller.execute(CANCEL, [started, None]).fetchone()))
    waiting.start()
    draft = Draft(claimed)
    draft.event("workflow.completed", '{"output": {}}', task=None)
    turns.commit(draft.done("COMPLETED", output="{}"))
    waiting.join(10)
    assert answers == [(False,)]
    assert workflow(connection, started)["status"] == "COMPLETED"
    assert violations(connection) == []
