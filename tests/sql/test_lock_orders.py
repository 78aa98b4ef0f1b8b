"""Interleavings that have ended in a deadlock or a lost wake-up, each made by hand as small as it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pgworker.store.writes import Writes
from tests.support.letters import (
    PAID,
    Round,
    Wanted,
    claim_schedules,
    correlate,
    mail_ids,
    publish,
    schedule,
    subscribe,
    subscribe_schedule,
    unsubscribe,
)
from tests.support.turns import Draft, Turns
from tests.support.waiting import until
from tests.support.workflows import define, jobs, start

Connect = Callable[[], psycopg.Connection]
Send = Callable[..., "Future[Any]"]


@pytest.fixture
def send(connection: psycopg.Connection) -> Iterator[Send]:
    """Sends a statement from a thread, and returns when it has been answered or waits for a lock."""
    with ThreadPoolExecutor() as pool:

        def send_one(of: psycopg.Connection, step: Callable[..., Any], *arguments: Any) -> Future[Any]:
            answer = pool.submit(step, *arguments)
            until(lambda: answer.done() or _waits(connection, of), what="an answer, or a lock to wait for")
            return answer

        yield send_one


def _waits(connection: psycopg.Connection, other: psycopg.Connection) -> bool:
    row = connection.execute(
        "select cardinality(pg_blocking_pids(%s)) > 0", [other.info.backend_pid]
    ).fetchone()
    return row == (True,)


def _resting(connection: psycopg.Connection) -> str:
    """A workflow whose first turn is over."""
    workflow_id = start(connection)
    connection.execute("delete from pgworker.jobs where workflow_id = %s", [workflow_id])
    return workflow_id


def _listening_anew(connection: psycopg.Connection) -> tuple[str, str]:
    """A workflow that was told of a CloudEvent, and has begun another listen that waits for older ones."""
    listener = _resting(connection)
    subscribe(connection, listener, PAID, seq=2)
    event = publish(connection)
    correlate(connection)
    publish(connection, "order.shipped")
    unsubscribe(connection, listener, seq=2)
    subscribe(connection, listener, PAID, seq=3)
    return listener, event


@pytest.fixture(autouse=True)
def _defined(connection: psycopg.Connection) -> None:
    define(connection)


def test_a_cancellation_that_is_rolled_back_costs_a_listener_no_event(
    connection: psycopg.Connection, connect: Connect
) -> None:
    listener = _resting(connection)
    event = publish(connection)
    subscribe(connection, listener, PAID)
    other = connect()
    other.execute("begin")
    other.execute("select pgworker.cancel_workflow(%s)", [listener])
    correlate(connection)
    other.execute("rollback")
    assert mail_ids(connection, listener) == [event]
    assert jobs(connection, listener) != []


def test_a_listener_is_told_while_a_turn_has_its_older_job_in_hand(
    connection: psycopg.Connection, connect: Connect
) -> None:
    listener, event = _listening_anew(connection)
    turns = Turns(connect())
    [claimed] = turns.claim()
    assert claimed.mail is None  # it still waits
    correlate(connection)
    turns.commit(Draft(claimed).done())
    assert mail_ids(connection, listener) == [event]
    assert jobs(connection, listener) != []


def test_a_turn_that_begins_to_listen_and_who_correlates_do_not_wait_for_each_other(
    connection: psycopg.Connection, connect: Connect, send: Send
) -> None:
    _listening_anew(connection)
    other = _resting(connection)
    turns = Turns(connect())
    [claimed] = turns.claim()
    turns.write(Draft(claimed).done())
    one = Round(connect())
    one.claim()
    one.evaluate()
    correlated = send(one.connection, one.write)
    subscribed = send(turns.connection, subscribe, turns.connection, other, PAID)
    assert correlated.result()
    one.commit()
    subscribed.result()
    turns.commit()


def test_a_turn_that_drops_activities_and_who_gives_them_back_do_not_wait_for_each_other(
    connection: psycopg.Connection, connect: Connect, send: Send
) -> None:
    ids = sorted(start(connection) for _ in range(2))
    tokens = [str(uuid4()) for _ in ids]
    begun, turns = Writes(), Turns(connect())
    for claim, token in zip(sorted(turns.claim(), key=lambda one: one.id), tokens, strict=True):
        draft = Draft(claim, begun)
        draft.job(draft.event("task.started", '{"activity": "http"}'), "perform", token=token)
        draft.done()
    turns.commit(begun)
    for id_ in ids:
        connection.execute("select pgworker.append_event(%s, 'a.note')", [id_])
    dropped = Writes()
    for claim in sorted(turns.claim(), key=lambda one: one.id, reverse=True):
        draft = Draft(claim, dropped)
        draft.event("task.cancelled", '{"start": 2, "ends_jobs": [2]}')
        draft.done()
        dropped.ended_jobs_of.append(claim.id)
        dropped.ended_jobs.append(2)
    beating, keeper = connect(), connect()
    beating.execute("begin")
    beating.execute("select from pgworker.jobs where workflow_id = %s and seq = 2 for update", [ids[0]])
    release = "select pgworker.release_activities(%s::uuid[], %s::bigint[], %s::uuid[])"
    released = send(keeper, keeper.execute, release, [ids, [2, 2], tokens])
    written = send(turns.connection, turns.write, dropped)
    beating.execute("commit")
    released.result()
    written.result()
    turns.commit()


def _crossing(first: str, second: str, name: str) -> tuple[Wanted, Wanted]:
    """Two correlations of these types, the first of which comes first in the order of their ids."""
    for n in count():
        pair = Wanted(first, (f".{name}{n}",), (1,)), Wanted(second, (f".{name}{n}",), (1,))
        if pair[0].correlation.id < pair[1].correlation.id:
            return pair
    raise AssertionError


def test_two_that_begin_to_listen_in_new_ways_do_not_wait_for_each_other(
    connection: psycopg.Connection, connect: Connect, send: Send
) -> None:
    listeners = [_resting(connection) for _ in range(2)]
    for type_ in ("order.paid", "order.shipped"):
        publish(connection, type_)
    correlate(connection)
    mine, theirs = (
        _crossing("order.paid", "order.shipped", "a"),
        _crossing("order.shipped", "order.paid", "b"),
    )
    third, first, second = connect(), connect(), connect()
    third.execute("begin")  # somebody begins to listen in one of these ways just now
    third.execute(
        "insert into pgworker.correlations (id, type, keys, since) values (%s, 'order.shipped', '[]', now())",
        [mine[1].correlation.id],
    )
    one = send(first, subscribe, first, listeners[0], *mine)
    other = send(second, subscribe, second, listeners[1], *theirs)
    third.execute("rollback")
    one.result()
    other.result()


def test_schedules_that_begin_to_listen_together_wait_for_no_workflow_that_does(
    connection: psycopg.Connection, connect: Connect, send: Send
) -> None:
    for name in ("one", "two"):
        define(connection, name=name, schedule={"on": {"one": {"with": {"type": "order.paid"}}}})
    listener = _resting(connection)
    first, second = _crossing("order.paid", "order.shipped", "a")
    rows = [schedule(connection, name) for name in ("one", "two")]
    keeper, other, third = connect(), connect(), connect()
    keeper.execute("begin")
    claim_schedules(keeper)
    subscribe_schedule(keeper, rows[0]["id"], second)
    other.execute("begin")
    listening = send(other, subscribe, other, listener, first, second)
    looking = send(keeper, subscribe_schedule, keeper, rows[1]["id"], first)
    looking.result()
    keeper.execute("commit")
    listening.result()
    other.execute("commit")
    third.close()


def _emitting(turns: Turns, *names: str) -> Writes:
    """A turn of one workflow that emits these CloudEvents."""
    [claim] = turns.claim(1)
    written = Draft(claim).done()
    for name in names:
        written.published_by.append(claim.id)
        written.published.append(
            f'{{"specversion": "1.0", "id": "{name}", "source": "/shop", "type": "order.paid",'
            ' "time": "2026-01-01T00:00:00Z"}'
        )
    return written


def test_turns_that_emit_the_same_cloud_events_do_not_wait_for_each_other(
    connection: psycopg.Connection, connect: Connect, send: Send
) -> None:
    for function in ("publish_emitted", "commit_turn"):  # who waits gives up soon, and here is not to
        connection.execute(
            "do $$ begin execute format('alter function %s set lock_timeout = 0',"
            f" (select oid::regprocedure from pg_proc where proname = '{function}')); end $$"
        )
    for _ in range(2):
        start(connection)
    mine, theirs, holder = Turns(connect()), Turns(connect()), connect()
    my_writes, their_writes = _emitting(mine, "x", "z", "y"), _emitting(theirs, "y", "x")
    holder.execute("begin")
    publish(holder, source="/shop", id="z")
    one = send(mine.connection, mine.write, my_writes)
    other = send(theirs.connection, theirs.write, their_writes)
    holder.execute("rollback")
    one.result()
    mine.commit()
    other.result()
    theirs.commit()
