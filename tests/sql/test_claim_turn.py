"""claim_turn: locks without waiting, and sees everything that was committed before the lock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.turns import Draft, Turns
from tests.support.waiting import until
from tests.support.workflows import define, document, start, workflow

Connect = Callable[[], psycopg.Connection]


@pytest.fixture(autouse=True)
def _defined(connection: psycopg.Connection) -> None:
    define(connection)


def _performing(connection: psycopg.Connection, turns: Turns) -> tuple[str, int, str]:
    """A workflow with an activity that ``turns`` holds: its id, the activity's seq and token."""
    started = start(connection)
    token = str(uuid4())
    [claimed] = [one for one in turns.claim() if one.id == started]
    draft = Draft(claimed)
    seq = draft.event("task.started", '{"activity": "http", "arguments": {"n": 1}}')
    draft.job(seq, "perform", token=token)
    turns.commit(draft.done())
    return started, seq, token


def test_it_returns_what_a_turn_needs(connection: psycopg.Connection) -> None:
    started = start(connection, input={"a": 1}, priority=2)
    [claimed] = Turns(connection).claim()
    assert (claimed.id, claimed.namespace, claimed.name, claimed.version) == (
        started,
        "default",
        "sample",
        "1.0.0",
    )
    assert (claimed.last_seq, claimed.priority, claimed.due, claimed.strikes) == (1, 2, [0], 0)
    assert claimed.done == []
    [[seq, type_, task, data, _]] = claimed.history
    assert (seq, type_, task, data) == (1, "workflow.started", None, {"input": {"a": 1}})


def test_nothing_due_is_nothing(connection: psycopg.Connection) -> None:
    assert Turns(connection).claim() == []


def test_a_batch_is_not_exceeded(connection: psycopg.Connection) -> None:
    for _ in range(5):
        start(connection)
    assert len(Turns(connection).claim(batch=3)) == 3


def test_a_batch_of_none_claims_only_what_is_done(connection: psycopg.Connection) -> None:
    turns = Turns(connection)
    performing, seq, token = _performing(connection, turns)
    start(connection)
    [claimed] = turns.claim(batch=0, done=[(performing, seq, token)])
    assert (claimed.id, claimed.done) == (performing, [seq])


def test_a_future_job_is_left_alone(connection: psycopg.Connection) -> None:
    connection.execute("select pgworker.start_workflow('sample', start_at => now() + interval '1 hour')")
    assert Turns(connection).claim() == []


def test_higher_priorities_go_first_and_older_jobs_before_younger(connection: psycopg.Connection) -> None:
    started = [start(connection, priority=priority) for priority in (0, 5, -1, 5, 0)]
    turns = Turns(connection)
    order = []
    for _ in started:
        [claimed] = turns.claim(batch=1)
        order.append(claimed.id)
        turns.commit(Draft(claimed).done())
    assert order == [started[index] for index in (1, 3, 0, 4, 2)]


def test_a_batch_is_filled_across_priorities(connection: psycopg.Connection) -> None:
    for priority in (0, 1, 2):
        start(connection, priority=priority)
        start(connection, priority=priority)
    assert sorted(one.priority for one in Turns(connection).claim(batch=5)) == [0, 1, 1, 2, 2]


def _grow_old(connection: psycopg.Connection, workflow_id: str) -> None:
    connection.execute(
        "update pgworker.jobs set due_at = due_at - interval '1 minute' where workflow_id = %s", [workflow_id]
    )


def test_some_places_go_to_what_has_been_due_for_long(connection: psycopg.Connection) -> None:
    old = start(connection, priority=-5)
    started = [start(connection, priority=5) for _ in range(25)]
    turns = Turns(connection)
    assert old not in {one.id for one in turns.claim(batch=20)}
    turns.rollback()
    _grow_old(connection, old)
    claimed = {one.id for one in turns.claim(batch=20)}
    assert len(claimed) == 20
    assert old in claimed
    assert len(claimed - {old}) == len(claimed & set(started)) == 19


def test_namespaces_of_one_priority_share_alike_however_much_each_has(connection: psycopg.Connection) -> None:
    for namespace in ("few", "many"):
        document_ = document([{"one": {"set": {"a": 1}}}])
        document_["document"]["namespace"] = namespace
        connection.execute("select pgworker.define_workflow(%s)", [Jsonb(document_)])
    for _ in range(50):
        start(connection, namespace="many")
    few = {start(connection, namespace="few") for _ in range(4)}
    turns = Turns(connection)
    claimed = turns.claim(batch=10)
    assert len(claimed) == 10
    assert few <= {one.id for one in claimed}
    turns.commit()
    assert few <= {one.id for one in turns.claim(batch=8)}


def test_a_workflow_that_another_turn_holds_is_skipped(
    connection: psycopg.Connection, connect: Connect
) -> None:
    first, second = Turns(connection), Turns(connect())
    held, free = start(connection), None
    [claimed] = first.claim()
    assert claimed.id == held
    assert second.claim() == []
    second.rollback()
    free = start(second.connection)
    assert [one.id for one in second.claim()] == [free]


@pytest.mark.parametrize("lock", ["for update", "for no key update", "for share"])
def test_a_workflow_that_anybody_has_locked_is_skipped(
    connection: psycopg.Connection, connect: Connect, lock: str
) -> None:
    held, free = start(connection), start(connection)
    connection.execute("begin")
    connection.execute(f"select from pgworker.workflows where id = %s {lock}", [held])
    turns = Turns(connect())
    assert [one.id for one in turns.claim()] == [free]
    connection.execute("commit")
    turns.rollback()
    assert {one.id for one in turns.claim()} == {held, free}


def test_a_workflow_whose_holder_died_is_claimed_again(
    connection: psycopg.Connection, connect: Connect
) -> None:
    started = start(connection)
    dying = Turns(connect())
    assert len(dying.claim()) == 1
    connection.execute("select pg_terminate_backend(%s)", [dying.connection.info.backend_pid])
    survivor = Turns(connect())
    until(lambda: [one.id for one in survivor.claim()] == [started] or survivor.rollback())


def test_many_turns_at_once_share_the_workflows_out(connection: psycopg.Connection, connect: Connect) -> None:
    started = {start(connection) for _ in range(200)}
    claimed: list[list[str]] = [[] for _ in range(8)]

    def work(mine: list[str], turns: Turns) -> None:
        while batch := turns.claim(batch=7):
            due = [one for one in batch if one.due]  # one whose turn has just been made may come without
            mine += [one.id for one in due]
            for one in due:
                turns.write(Draft(one).done())
            turns.commit()
        turns.rollback()

    threads = [Thread(target=work, args=[mine, Turns(connect())]) for mine in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    everything = list(chain.from_iterable(claimed))
    assert len(everything) == len(set(everything)) == 200
    assert set(everything) == started


def test_events_that_came_before_the_lock_are_seen(connection: psycopg.Connection, connect: Connect) -> None:
    """The event is committed after the claim's transaction began, and before the claim has its lock."""
    started = start(connection)
    turns = Turns(connect())
    turns.connection.execute("begin")
    turns.connection.execute("select now()")
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    [claimed] = turns.claim_more()
    assert claimed.last_seq == 2
    assert [event[0] for event in claimed.history] == [1, 2]


def test_no_claim_reads_a_history_that_is_older_than_its_lock(
    connection: psycopg.Connection, connect: Connect
) -> None:
    """Appends and claims hammer the same few workflows: what was locked is always read to its end."""
    started = [start(connection) for _ in range(3)]
    over = Event()
    stale: list[object] = []
    claims: list[int] = []

    def append(own: psycopg.Connection) -> None:
        n = 0
        while not over.is_set():
            own.execute("select pgworker.append_event(%s, 'tick')", [started[n % 3]])
            n += 1

    def claim(turns: Turns) -> None:
        while not over.is_set():
            for one in turns.claim():
                seqs = [event[0] for event in one.history]
                if seqs != list(range(1, one.last_seq + 1)):
                    stale.append((one.last_seq, seqs[-3:]))
                claims.append(one.last_seq)
            turns.rollback()

    threads = [Thread(target=append, args=[connect()]) for _ in range(3)]
    threads += [Thread(target=claim, args=[Turns(connect())]) for _ in range(3)]
    for thread in threads:
        thread.start()
    over.wait(1.5)
    over.set()
    for thread in threads:
        thread.join(30)
    assert len(claims) > 50
    assert stale == []


def test_an_event_that_was_being_appended_comes_with_the_next_claim(
    connection: psycopg.Connection, connect: Connect
) -> None:
    turns = Turns(connection)
    performing, seq, token = _performing(connection, turns)
    appender = connect()
    appender.execute("begin")
    appender.execute("select pgworker.append_event(%s, 'order.paid')", [performing])
    assert turns.claim(done=[(performing, seq, token)]) == []
    turns.rollback()
    appender.execute("commit")
    [claimed] = turns.claim(done=[(performing, seq, token)])
    assert (claimed.last_seq, claimed.done, claimed.due) == (3, [seq], [0])
    assert [event[1] for event in claimed.history] == ["order.paid"]


def test_only_what_the_session_has_not_folded_is_returned(
    connection: psycopg.Connection, connect: Connect
) -> None:
    turns = Turns(connection)
    performing, _, _ = _performing(connection, turns)
    assert workflow(connection, performing)["folded_seq"] == 2
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [performing])
    [claimed] = turns.claim()
    assert [event[0] for event in claimed.history] == [3]
    turns.rollback()
    [claimed] = Turns(connect()).claim()
    assert [event[0] for event in claimed.history] == [1, 2, 3]


def test_a_session_that_has_folded_everything_gets_no_history(connection: psycopg.Connection) -> None:
    turns = Turns(connection)
    performing, seq, token = _performing(connection, turns)
    [claimed] = turns.claim(done=[(performing, seq, token)])
    assert claimed.history is None


def test_a_result_whose_token_holds_is_done(connection: psycopg.Connection) -> None:
    turns = Turns(connection)
    performing, seq, token = _performing(connection, turns)
    [claimed] = turns.claim(done=[(performing, seq, token)])
    assert (claimed.done, claimed.due) == ([seq], [])


def test_a_result_with_a_stale_token_is_not_done(connection: psycopg.Connection) -> None:
    turns = Turns(connection)
    performing, seq, _ = _performing(connection, turns)
    [claimed] = turns.claim(done=[(performing, seq, str(uuid4()))])
    assert (claimed.done, claimed.due) == ([], [])


def test_the_token_of_a_lease_that_was_taken_over_is_refused(
    connection: psycopg.Connection, connect: Connect
) -> None:
    zombie = Turns(connection, worker="zombie", lease="0 s")
    performing, seq, old = _performing(connection, zombie)
    heir = Turns(connect(), worker="heir")
    [leased] = heir.activities()
    assert (leased.id, leased.seq, leased.attempt) == (performing, seq, 2)
    assert leased.token != old
    [claimed] = zombie.claim(done=[(performing, seq, old)])
    assert claimed.done == []
    zombie.rollback()
    [claimed] = heir.claim(done=[(performing, seq, leased.token)])
    assert claimed.done == [seq]


def test_a_result_of_a_workflow_that_another_holds_waits(
    connection: psycopg.Connection, connect: Connect
) -> None:
    turns = Turns(connect())
    performing, seq, token = _performing(connection, turns)
    connection.execute("begin")
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [performing])
    assert turns.claim(done=[(performing, seq, token)]) == []
    turns.rollback()
    connection.execute("rollback")
    [claimed] = turns.claim(done=[(performing, seq, token)])
    assert claimed.done == [seq]


def test_a_cancelled_workflows_result_is_not_done(connection: psycopg.Connection) -> None:
    turns = Turns(connection)
    performing, seq, token = _performing(connection, turns)
    connection.execute("select pgworker.cancel_workflow(%s)", [performing])
    assert [one.done for one in turns.claim(done=[(performing, seq, token)])] in ([], [[]])


def test_a_workflow_comes_once_with_all_that_is_due_and_done(connection: psycopg.Connection) -> None:
    turns = Turns(connection)
    performing, seq, token = _performing(connection, turns)
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [performing])
    connection.execute(
        "insert into pgworker.jobs (workflow_id, seq, kind, due_at) values (%s, 77, 'decide', now())",
        [performing],
    )
    connection.execute(
        "insert into pgworker.jobs (workflow_id, seq, kind, due_at)"
        " values (%s, 78, 'decide', now() + interval '1 hour')",
        [performing],
    )
    [claimed] = turns.claim(done=[(performing, seq, token)])
    assert sorted(claimed.due) == [0, 77]
    assert claimed.done == [seq]
