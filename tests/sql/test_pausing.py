"""pause_workflow, resume_workflow and retry_workflow, and what they do to the queue."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from tests.support.oracle import violations
from tests.support.refusals import refused
from tests.support.turns import Draft, Turns
from tests.support.workflows import define, history, start, workflow

PAUSE = "select pgworker.pause_workflow(%s, %s)"
RESUME = "select pgworker.resume_workflow(%s)"
RETRY = "select pgworker.retry_workflow(%s, %s)"


def _kinds(connection: psycopg.Connection) -> list[tuple[int, str]]:
    return connection.execute("select seq, kind from pgworker.jobs order by seq, kind").fetchall()


def _performing(turns: Turns, *, leased: bool) -> tuple[str, int]:
    """A workflow with an activity: leased, or still in the queue."""
    [claimed] = turns.claim(batch=1)
    draft = Draft(claimed)
    seq = draft.event("task.started", '{"kind": "call", "from": 1, "activity": "http"}')
    draft.job(seq, "perform", token=str(uuid4()) if leased else None)
    turns.commit(draft.done())
    return claimed.id, seq


def test_a_paused_workflow_gets_no_turn_until_it_is_resumed(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    turns = Turns(connection)
    assert connection.execute(PAUSE, [started, "wait for it"]).fetchone() == (True,)
    assert workflow(connection, started)["status"] == "PAUSED"
    event = history(connection, started)[-1]
    assert (event.type, event.data) == ("workflow.paused", {"reason": "wait for it"})
    assert turns.claim() == []
    turns.rollback()
    assert violations(connection) == []
    assert connection.execute(RESUME, [started]).fetchone() == (True,)
    assert workflow(connection, started)["status"] == "PENDING"
    assert [one.id for one in turns.claim()] == [started]
    turns.rollback()
    assert violations(connection) == []


def test_a_workflow_that_is_to_start_later_does_so_after_a_pause_too(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection, start_at="2100-01-01")
    connection.execute(PAUSE, [started, None])
    connection.execute(RESUME, [started])
    turns = Turns(connection)
    assert turns.claim() == []
    turns.rollback()
    row = connection.execute("select due_at::date::text, kind from pgworker.jobs").fetchone()
    assert row == ("2100-01-01", "decide")


def test_an_event_meanwhile_does_not_have_it_start_earlier(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection, start_at="2100-01-01")
    connection.execute(PAUSE, [started, None])
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    connection.execute(RESUME, [started])
    assert connection.execute("select due_at::date::text, kind from pgworker.jobs").fetchall() == [
        ("2100-01-01", "decide")
    ]
    assert workflow(connection, started)["status"] == "PENDING"
    assert violations(connection) == []


def test_an_activity_in_the_queue_waits_and_one_that_is_performed_does_not(
    connection: psycopg.Connection,
) -> None:
    define(connection)
    turns = Turns(connection)
    start(connection)
    queued = _performing(turns, leased=False)
    start(connection)
    leased = _performing(turns, leased=True)
    for one, _ in (queued, leased):
        connection.execute(PAUSE, [one, None])
    assert turns.activities() == []
    assert _kinds(connection) == [(2, "held perform"), (2, "perform")]
    assert violations(connection) == []
    connection.execute(RESUME, [queued[0]])
    assert [(one.id, one.seq) for one in turns.activities()] == [queued]


def test_an_activity_that_is_given_back_while_its_workflow_is_paused_waits(
    connection: psycopg.Connection,
) -> None:
    define(connection)
    turns = Turns(connection)
    started = start(connection)
    _performing(turns, leased=True)
    connection.execute(PAUSE, [started, None])
    connection.execute(
        "select pgworker.release_activities(array_agg(workflow_id), array_agg(seq), array_agg(lease_token))"
        " from pgworker.jobs"
    )
    assert _kinds(connection)[-1] == (2, "held perform")
    assert turns.activities() == []


def test_what_is_appended_meanwhile_is_seen_when_it_goes_on(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    connection.execute(PAUSE, [started, None])
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    turns = Turns(connection)
    [claimed] = turns.claim() or [None]
    if claimed is not None:
        connection.execute("select pgworker.hold_jobs(array[%s::uuid])", [started])
    turns.commit()
    assert turns.claim() == []
    turns.rollback()
    connection.execute(RESUME, [started])
    [claimed] = turns.claim()
    assert claimed.last_seq == 4
    turns.rollback()


def test_only_what_lives_is_paused_and_only_what_is_paused_resumed(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    assert connection.execute(RESUME, [started]).fetchone() == (False,)
    connection.execute(PAUSE, [started, None])
    assert connection.execute(PAUSE, [started, None]).fetchone() == (False,)
    assert connection.execute("select pgworker.cancel_workflow(%s)", [started]).fetchone() == (True,)
    assert connection.execute(PAUSE, [started, None]).fetchone() == (False,)
    assert connection.execute(RESUME, [started]).fetchone() == (False,)
    assert connection.execute(RETRY, [started, None]).fetchone() == (False,)
    assert connection.execute("select from pgworker.jobs").rowcount == 0
    assert violations(connection) == []


@pytest.mark.parametrize("function", ["pause_workflow(%s)", "resume_workflow(%s)", "retry_workflow(%s)"])
def test_a_workflow_that_is_not_there_is_an_error(connection: psycopg.Connection, function: str) -> None:
    with refused("PW002", "there is no workflow"):
        connection.execute(f"select pgworker.{function}", [uuid4()])


def test_a_failed_workflow_runs_again(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.event("task.failed", '{"error": {"title": "Boom"}}', task="/do/0/hello")
    draft.event("workflow.failed", '{"error": {"title": "Boom"}}', task=None)
    turns.commit(draft.done("FAILED", error='{"title": "Boom"}'))
    with refused("PW002", "has run no task nobody"):
        connection.execute(RETRY, [started, "nobody"])
    assert workflow(connection, started)["status"] == "FAILED"
    assert connection.execute(RETRY, [started, "hello"]).fetchone() == (True,)
    row = workflow(connection, started)
    assert (row["status"], row["error"], row["ended_at"]) == ("RUNNING", None, None)
    assert history(connection, started)[-1].data == {"from_task": "hello"}
    [claimed] = turns.claim()
    assert (claimed.id, claimed.due) == (started, [0])
    turns.rollback()
