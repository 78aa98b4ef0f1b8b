"""commit_turn: everything of a turn, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from tests.support.refusals import refused
from tests.support.turns import Draft, Turns, make_known
from tests.support.workflows import define, history, jobs, start, types, workflow


@pytest.fixture
def started(connection: psycopg.Connection) -> str:
    """A workflow that no worker has seen."""
    define(connection)
    return start(connection)


def test_it_writes_events_row_and_jobs_together(connection: psycopg.Connection, started: str) -> None:
    turns = Turns(connection, worker="by-hand")
    [claimed] = turns.claim()
    draft = Draft(claimed)
    token = str(uuid4())
    performed = draft.event("task.started", '{"activity": "http"}', task="/do/0/a")
    draft.job(performed, "perform", token=token, priority=4)
    timer = draft.event("timer.set", '{"due_at": "2100-01-01T00:00:00Z"}', task="/do/1/b")
    draft.job(timer, "decide", due_at="2100-01-01T00:00:00Z", priority=4)
    turns.commit(draft.done())

    assert types(connection, started) == ["workflow.started", "task.started", "timer.set"]
    event = history(connection, started)[1]
    assert (event.task, event.data, event.actor) == ("/do/0/a", {"activity": "http"}, "by-hand")
    row = workflow(connection, started)
    assert (row["status"], row["last_seq"], row["folded_seq"]) == ("RUNNING", 3, 3)
    assert str(row["folded_by"]) == turns.session
    assert row["started_at"] is not None
    perform, decide = jobs(connection, started)
    assert (perform.seq, perform.kind, perform.attempt, perform.worker_id) == (2, "perform", 1, "by-hand")
    assert (str(perform.lease_token), perform.later, perform.priority) == (token, True, 4)
    assert perform.leased_until == perform.due_at
    assert (decide.seq, decide.kind, decide.attempt, decide.lease_token) == (3, "decide", 0, None)
    assert (decide.later, decide.leased_until) == (True, None)


def test_a_rolled_back_turn_leaves_nothing(connection: psycopg.Connection, started: str) -> None:
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.event("workflow.completed")
    turns.write(draft.done("COMPLETED", output="1"))
    turns.rollback()
    assert types(connection, started) == ["workflow.started"]
    assert workflow(connection, started)["status"] == "PENDING"
    assert [job.seq for job in jobs(connection, started)] == [0]


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_an_ended_workflow_keeps_no_job(connection: psycopg.Connection, started: str, status: str) -> None:
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.job(draft.event("timer.set", '{"due_at": "2100-01-01T00:00:00Z"}'), "decide", due_at="2100-01-01")
    turns.commit(draft.done())
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.event(f"workflow.{status.lower()}", task=None)
    turns.commit(draft.done(status, output='{"a": 1}', error=None))
    row = workflow(connection, started)
    assert (row["status"], row["output"]) == (status, {"a": 1})
    assert row["ended_at"] is not None
    assert jobs(connection, started) == []


def test_started_at_is_the_first_turns_time_for_ever(connection: psycopg.Connection, started: str) -> None:
    turns = Turns(connection)
    for _ in range(2):
        connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
        [claimed] = turns.claim()
        turns.commit(Draft(claimed).done())
        first = workflow(connection, started)["started_at"]
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    [claimed] = turns.claim()
    turns.commit(Draft(claimed).done())
    assert workflow(connection, started)["started_at"] == first


def test_a_turn_that_was_overtaken_is_refused_as_a_whole(
    connection: psycopg.Connection, started: str
) -> None:
    other = start(connection)
    turns = Turns(connection)
    claimed = {one.id: one for one in turns.claim()}
    overtaken, fine = Draft(claimed[started]), Draft(claimed[other])
    overtaken.event("task.completed")
    fine.event("task.completed")
    overtaken.done()
    fine.done()
    overtaken.writes.seqs_before[0] = 7  # as if it had been read before others went on
    turns.write(fine.writes)
    with refused("PW008", "has gone on elsewhere"):
        turns.write(overtaken.writes)
    turns.rollback()
    assert types(connection, started) == types(connection, other) == ["workflow.started"]


def test_a_number_that_is_taken_is_refused(connection: psycopg.Connection, started: str) -> None:
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.seq = 0
    draft.event("task.completed")
    with pytest.raises(psycopg.errors.UniqueViolation, match="events_are_numbered_within_their_workflow"):
        turns.write(draft.done())
    turns.rollback()


def test_many_workflows_are_written_at_once(connection: psycopg.Connection, started: str) -> None:
    several = [started, *[start(connection) for _ in range(20)]]
    turns = Turns(connection)
    drafts = [Draft(one) for one in turns.claim(batch=50)]
    together = drafts[0]
    for draft in drafts:
        for _ in range(3):
            draft.event("task.completed")
        draft.done()
    for draft in drafts[1:]:
        for name in set(draft.writes.__slots__) - {"letters", "size"}:
            getattr(together.writes, name).extend(getattr(draft.writes, name))
    turns.commit(together.writes)
    for one in several:
        assert workflow(connection, one)["last_seq"] == 4
        assert [event.seq for event in history(connection, one)] == [1, 2, 3, 4]
        assert jobs(connection, one) == []


def test_odd_texts_arrive_as_they_were(connection: psycopg.Connection, started: str) -> None:
    odd = "/do/0/a\"b\\c{d},e'f NULL ä\n"
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.event("task.completed", '{"k\\"\\\\{}": "NULL", "n": null}', task=odd)
    turns.commit(draft.done())
    event = history(connection, started)[-1]
    assert (event.task, event.data) == (odd, {'k"\\{}': "NULL", "n": None})


def test_new_activities_wake_idle_workers_unless_they_are_leased_already(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], started: str
) -> None:
    listener = connect()
    listener.execute("listen pgworker")
    make_known(connection, idle=True)
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.job(draft.event("task.started"), "perform", token=str(uuid4()))
    turns.commit(draft.done())
    assert list(listener.notifies(timeout=0.2)) == []
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.job(draft.event("task.started"), "perform")
    turns.commit(draft.done())
    assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
    assert jobs(connection, started)[-1].attempt == 0


def test_a_turn_that_goes_on_keeps_a_turn_that_was_put_off(
    connection: psycopg.Connection, started: str
) -> None:
    """A job that is not due yet is not among those that the turn ends; the new one takes its place."""
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.job(draft.event("timer.set"), "decide", due_at="2020-01-01T00:00:00Z")
    turns.commit(draft.done())
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    connection.execute("update pgworker.jobs set due_at = now() + interval '1 hour' where seq = 0")
    [claimed] = turns.claim()
    assert claimed.due == [2]
    draft = Draft(claimed)
    draft.event("timer.fired")
    draft.job(0, "decide")
    turns.commit(draft.done())
    [job] = jobs(connection, started)
    assert (job.seq, job.later) == (0, False)
