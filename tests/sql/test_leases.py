"""Leases: claim_activities, heartbeat, release_activities, postpone_turn and outlook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from tests.support.turns import Draft, Turns, make_known
from tests.support.waiting import until
from tests.support.workflows import define, jobs, start

Connect = Callable[[], psycopg.Connection]


@pytest.fixture(autouse=True)
def _defined(connection: psycopg.Connection) -> None:
    define(connection)


def _scheduled(connection: psycopg.Connection, activities: int = 1, priority: int = 0) -> str:
    """A workflow with activities that nobody has leased."""
    started = start(connection, priority=priority)
    turns = Turns(connection)
    [claimed] = [one for one in turns.claim(batch=1000) if one.id == started]
    draft = Draft(claimed)
    for n in range(activities):
        seq = draft.event("task.started", f'{{"activity": "http", "arguments": {n}}}', task=f"/do/{n}/a")
        draft.job(seq, "perform", priority=priority)
    turns.commit(draft.done())
    return started


def _lease_ran_out(connection: psycopg.Connection) -> None:
    connection.execute(
        "update pgworker.jobs set due_at = clock_timestamp() - interval '1 s' where kind = 'perform'"
    )


def _beat(connection: psycopg.Connection, worker: str, *held: tuple[str, int, str]) -> list[Any]:
    rows = connection.execute(
        "select workflow_id::text, seq, known"
        " from pgworker.heartbeat(%s, %s, interval '1 hour', %s::uuid[], %s::bigint[], %s::uuid[])",
        [worker, len(held), [h[0] for h in held], [h[1] for h in held], [h[2] for h in held]],
    )
    return [known if seq is None else (workflow_id, seq) for workflow_id, seq, known in rows]


def _heartbeat(
    connection: psycopg.Connection, worker: str, *held: tuple[str, int, str]
) -> list[tuple[str, int]]:
    """The leases that a heartbeat finds lost."""
    return _beat(connection, worker, *held)[1:]


def _release(connection: psycopg.Connection, *held: tuple[str, int, str]) -> None:
    connection.execute(
        "select pgworker.release_activities(%s::uuid[], %s::bigint[], %s::uuid[])",
        [[h[0] for h in held], [h[1] for h in held], [h[2] for h in held]],
    )


def test_an_activity_is_leased_with_what_it_needs(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    turns = Turns(connection, worker="me")
    [leased] = turns.activities()
    assert (leased.id, leased.seq, leased.attempt, leased.task) == (started, 2, 1, "/do/0/a")
    assert leased.data == {"activity": "http", "arguments": 0}
    [job] = jobs(connection, started)
    assert (str(job.lease_token), job.worker_id, job.attempt, job.later) == (leased.token, "me", 1, True)
    assert turns.activities() == []


def test_slots_are_not_exceeded_and_priorities_go_first(connection: psycopg.Connection) -> None:
    for priority in (0, 2, 1):
        _scheduled(connection, activities=2, priority=priority)
    turns = Turns(connection)
    assert len(turns.activities(slots=0)) == 0
    priorities = []
    for slots in (3, 2, 5):
        leased = turns.activities(slots)
        priorities.append([jobs(connection, one.id)[0].priority for one in leased])
    assert priorities == [[2, 2, 1], [1, 0], [0]]


def test_what_another_claims_this_moment_is_skipped(connection: psycopg.Connection, connect: Connect) -> None:
    _scheduled(connection, activities=3)
    first, second = Turns(connection), Turns(connect())
    connection.execute("begin")
    mine = first.activities(slots=2)
    theirs = second.activities()
    connection.execute("commit")
    assert len(mine) == 2
    assert len(theirs) == 1
    assert {one.seq for one in mine}.isdisjoint(one.seq for one in theirs)


def test_a_rolled_back_claim_counts_no_attempt(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    turns = Turns(connection)
    with connection.transaction(force_rollback=True):
        turns.activities()
    [job] = jobs(connection, started)
    assert (job.attempt, job.lease_token, job.worker_id) == (0, None, None)


def test_a_lease_that_ran_out_is_taken_over_with_a_new_token(connection: psycopg.Connection) -> None:
    _scheduled(connection)
    turns = Turns(connection)
    tokens = set()
    for attempt in (1, 2, 3):
        [leased] = turns.activities()
        assert leased.attempt == attempt
        tokens.add(leased.token)
        _lease_ran_out(connection)
    assert len(tokens) == 3


def test_what_was_left_over_of_an_ended_workflow_is_dropped_and_not_leased(
    connection: psycopg.Connection,
) -> None:
    """As one that was given back while another transaction ended its workflow."""
    ended, going = _scheduled(connection), _scheduled(connection)
    connection.execute("select pgworker.cancel_workflow(%s)", [ended])
    connection.execute(
        "insert into pgworker.jobs (workflow_id, seq, kind) values (%s, 2, 'perform')", [ended]
    )
    assert [lease.id for lease in Turns(connection).activities()] == [going]
    assert jobs(connection, ended) == []


def test_a_heartbeat_extends_leases_and_says_that_the_worker_lives(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    make_known(connection, "me", slots=9)
    connection.execute("update pgworker.workers set heartbeat_at = '2000-01-01'")
    [leased] = Turns(connection, worker="me", lease="1 s").activities()
    assert _heartbeat(connection, "me", (started, 2, leased.token)) == []
    row = connection.execute(
        "select leased_until > clock_timestamp() + interval '50 minutes' from pgworker.jobs"
    ).fetchone()
    assert row == (True,)
    row = connection.execute(
        "select busy, heartbeat_at > now() - interval '1 minute' from pgworker.workers"
    ).fetchone()
    assert row == (1, True)


def test_a_heartbeat_tells_a_worker_that_it_was_forgotten(connection: psycopg.Connection) -> None:
    assert _beat(connection, "me") == [False]
    make_known(connection, "me")
    assert _beat(connection, "me") == [True]


def test_an_ended_workflow_is_not_put_off(connection: psycopg.Connection) -> None:
    started = start(connection)
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    assert connection.execute("select pgworker.postpone_turn(%s, '1 s')", [started]).fetchone() == (0,)
    assert jobs(connection, started) == []


def test_a_heartbeat_names_the_leases_that_are_lost(connection: psycopg.Connection) -> None:
    taken, kept, cancelled = (_scheduled(connection) for _ in range(3))
    leases = {one.id: one.token for one in Turns(connection, worker="me").activities()}
    connection.execute("update pgworker.jobs set due_at = '2000-01-01' where workflow_id = %s", [taken])
    [heir] = Turns(connection, worker="heir").activities()
    connection.execute("select pgworker.cancel_workflow(%s)", [cancelled])
    lost = _heartbeat(connection, "me", *((one, 2, leases[one]) for one in (taken, kept, cancelled)))
    assert sorted(lost) == sorted([(taken, 2), (cancelled, 2)])
    [job] = jobs(connection, taken)
    assert (str(job.lease_token), job.worker_id) == (heir.token, "heir")


def test_a_heartbeat_extends_no_lease_that_another_has_taken_over(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    [leased] = Turns(connection, worker="me").activities()
    _lease_ran_out(connection)
    assert len(Turns(connection, worker="heir").activities()) == 1
    taken_over = jobs(connection, started)
    assert _heartbeat(connection, "me", (started, 2, leased.token)) == [(started, 2)]
    assert jobs(connection, started) == taken_over


def test_a_heartbeat_skips_what_is_locked_and_does_not_call_it_lost(
    connection: psycopg.Connection, connect: Connect
) -> None:
    started = _scheduled(connection)
    [leased] = Turns(connection, worker="me").activities()
    connection.execute("begin")
    connection.execute("select from pgworker.jobs for update")
    assert _heartbeat(connect(), "me", (started, 2, leased.token)) == []
    connection.execute("rollback")


def test_activities_given_back_are_due_at_once_and_count_no_attempt(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    turns = Turns(connection)
    for _ in range(3):
        [leased] = turns.activities()
        assert leased.attempt == 1
        _release(connection, (started, 2, leased.token))
        [job] = jobs(connection, started)
        assert (job.attempt, job.lease_token, job.worker_id, job.later) == (0, None, None, False)


def test_only_the_holder_can_give_an_activity_back(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    [leased] = Turns(connection).activities()
    _release(connection, (started, 2, str(uuid4())))
    [job] = jobs(connection, started)
    assert str(job.lease_token) == leased.token


def test_a_released_activity_refuses_its_old_token(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    turns = Turns(connection)
    [leased] = turns.activities()
    _release(connection, (started, 2, leased.token))
    [claimed] = turns.claim(done=[(started, 2, leased.token)])
    assert claimed.done == []


def test_giving_back_wakes_idle_workers(connection: psycopg.Connection, connect: Connect) -> None:
    started = _scheduled(connection)
    [leased] = Turns(connection).activities()
    make_known(connection, idle=True)
    listener = connect()
    listener.execute("listen pgworker")
    _release(connection, (started, 2, leased.token))
    assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


def test_a_turn_that_is_put_off_comes_later_with_a_strike(connection: psycopg.Connection) -> None:
    started = start(connection)
    for strikes in (1, 2, 3):
        row = connection.execute("select pgworker.postpone_turn(%s, '0 s')", [started]).fetchone()
        assert row == (strikes,)
    [claimed] = Turns(connection).claim()
    assert claimed.strikes == 3
    connection.execute("rollback")
    connection.execute("select pgworker.postpone_turn(%s, '1 hour')", [started])
    assert Turns(connection).claim() == []


def test_putting_off_spares_timers_and_activities(connection: psycopg.Connection) -> None:
    started = _scheduled(connection)
    connection.execute(
        "insert into pgworker.jobs (workflow_id, seq, kind, due_at)"
        " values (%s, 9, 'decide', now() + interval '1 hour')",
        [started],
    )
    before = jobs(connection, started)
    connection.execute("select pgworker.postpone_turn(%s, '1 s')", [started])
    strike, *after = jobs(connection, started)
    assert (strike.seq, strike.kind, strike.attempt, strike.later) == (0, "decide", 1, True)
    assert [(job.seq, job.due_at, job.attempt) for job in after] == [
        (j.seq, j.due_at, j.attempt) for j in before
    ]


def test_the_time_to_the_next_job_is_that_of_the_soonest_of_any_priority(
    connection: psycopg.Connection,
) -> None:
    def seconds() -> float | None:
        row = connection.execute(
            "select extract(epoch from work_in)::float from pgworker.outlook()"
        ).fetchone()
        assert row is not None
        return row[0]

    assert seconds() is None
    connection.execute(
        "select pgworker.start_workflow('sample', start_at => now() + interval '1 hour', priority => 9)"
    )
    assert 3500 < (seconds() or 0) <= 3600
    connection.execute("select pgworker.start_workflow('sample', start_at => now() + interval '1 minute')")
    assert 50 < (seconds() or 0) <= 60
    started = _scheduled(connection)
    assert seconds() == 0
    [leased] = Turns(connection, lease="5 s").activities()
    assert leased.id == started
    assert 0 < (seconds() or 0) <= 5


def test_workers_come_live_and_are_forgotten(connection: psycopg.Connection) -> None:
    def known() -> list[tuple[object, ...]]:
        return connection.execute("select id, slots, idle from pgworker.workers order by id").fetchall()

    for worker, slots in (("a", 1), ("b", 2), ("b", 3)):
        make_known(connection, worker, slots=slots)
    assert known() == [("a", 1, False), ("b", 3, False)]
    connection.execute("select pgworker.declare_idle('a', true)")
    assert known() == [("a", 1, True), ("b", 3, False)]
    make_known(connection, "a")
    assert known()[0] == ("a", 1, False)
    connection.execute("update pgworker.workers set heartbeat_at = now() - interval '1 hour' where id = 'a'")
    assert connection.execute("select pgworker.forget_workers(null, '2 hours')").fetchone() == (0,)
    assert connection.execute("select pgworker.forget_workers(null, '10 minutes')").fetchone() == (1,)
    assert connection.execute("select pgworker.forget_workers('b', '1 day')").fetchone() == (1,)
    assert known() == []


def test_forgetting_waits_for_nobody(connection: psycopg.Connection, connect: Connect) -> None:
    make_known(connection, "a")
    holder = connect()
    holder.execute("begin")
    holder.execute("select from pgworker.workers for update")
    assert connection.execute("select pgworker.forget_workers('a', '1 day')").fetchone() == (0,)
    holder.execute("rollback")
    until(lambda: connection.execute("select pgworker.forget_workers('a', '1 day')").fetchone() == (1,))


def test_problems_are_kept_with_the_definition(connection: psycopg.Connection) -> None:
    def problems() -> object:
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            [row] = cursor.execute("select problems, xmin from pgworker.definitions").fetchall()
        return row

    note = "select pgworker.note_problems('default', 'sample', '1.0.0', %s)"
    connection.execute(note, ["/do: empty"])
    before = problems()
    assert before.problems == "/do: empty"
    connection.execute(note, ["/do: empty"])
    assert problems() == before  # not written again
    connection.execute(note, [None])
    assert problems().problems is None


def test_who_looks_for_something_to_do_is_heard_of_and_learns_whether_it_is_known(
    connection: psycopg.Connection,
) -> None:
    make_known(connection, "w")
    connection.execute("update pgworker.workers set heartbeat_at = now() - interval '11 s'")
    look = "select known from pgworker.outlook(true, %s, '30 s')"
    assert connection.execute(look, ["w"]).fetchone() == (True,)
    fresh = "select heartbeat_at > now() - interval '5 s' from pgworker.workers"
    assert connection.execute(fresh).fetchall() == [(True,)]
    assert connection.execute(look, ["forgotten"]).fetchone() == (False,)


def test_who_was_heard_of_a_moment_ago_writes_nothing_when_it_looks(connection: psycopg.Connection) -> None:
    make_known(connection, "w")
    before = connection.execute("select heartbeat_at from pgworker.workers").fetchone()
    connection.execute("select from pgworker.outlook(true, 'w', '30 s')")
    assert connection.execute("select heartbeat_at from pgworker.workers").fetchone() == before
