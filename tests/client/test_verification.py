"""Verification finds nothing wrong in a sound database, and each flaw that is put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from pgworker.client import Flaw, verify
from pgworker.errors import DatabaseUnavailable
from pgworker.store import inspection
from pgworker.store.database import Database
from tests.conftest import WorkerFactory
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import Task, are_ended, call, define, ended, start

LISTEN = {"listen": {"to": {"one": {"with": {"type": "paid"}}}}}
NEVER = {"listen": {"to": {"one": {"with": {"type": "never"}}}}}
HOUR = {"wait": {"hours": 1}}
SCHEDULES: dict[str, Task] = {
    "hourly": {"every": {"hours": 1}},
    "upon": {"on": {"one": {"with": {"type": "never"}}}},
}


def _child(name: str) -> Task:
    return {"run": {"workflow": {"namespace": "default", "name": name, "version": "1.0.0"}}}


def _lived(stub: str) -> list[Task]:
    """What has come to its end: a call, a timer, a listen, a child."""
    return [
        {"called": call(f"{stub}/count")},
        {"napped": {"wait": {"milliseconds": 20}}},
        {"heard": LISTEN},
        {"ran": _child("short")},
    ]


def _lives(stub: str) -> list[Task]:
    """What goes on: the same four, and a long loop behind it."""
    branches = [
        {"calls": call(f"{stub}/slow?ms=60000")},
        {"naps": HOUR},
        {"hears": {"do": [{"first": LISTEN}, {"then": NEVER}]}},
        {"runs": _child("long")},
    ]
    loop = {"for": {"each": "n", "in": "[range(1100)]"}, "do": [{"one": {"set": {"n": "${ $n }"}}}]}
    return [{"loop": loop}, {"fork": {"fork": {"branches": branches}}}]


@dataclass(frozen=True)
class Sound:
    """A sound database, and who lives in it."""

    database: str
    lived: str
    lives: str


@pytest.fixture
def sound(connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub) -> Sound:
    define(connection, [{"one": {"set": {"a": 1}}}], "short")
    define(connection, [{"nap": HOUR}], "long")
    define(connection, _lived(stub.url), "lived")
    define(connection, _lives(stub.url), "lives")
    for name, schedule in SCHEDULES.items():
        define(connection, [{"nap": HOUR}], name, schedule=schedule)
    worker = worker_process(poll_seconds=0.1, http_allow_private="all")
    lived, lives = start(connection, "lived"), start(connection, "lives")
    until(lambda: _count(connection, "subscriptions where kind = 'decide'") == 2)
    until(lambda: _count(connection, "subscriptions where kind = 'schedule'") == 1)
    until(lambda: _count(connection, "schedules where next_at is not null") == 1)
    connection.execute("select pgworker.publish_event('paid', '{}')")
    assert ended(connection, lived)["status"] == "COMPLETED"
    until(lambda: _count(connection, "workflows where status = 'RUNNING' and name = 'long'") == 1)
    until(lambda: _count(connection, "snapshots") == 1)
    until(lambda: _count(connection, "consumptions") == 2)
    worker.kill()
    return Sound(connection.info.dbname, lived, lives)


def _count(connection: psycopg.Connection, what: str) -> int:
    row = connection.execute(f"select count(*) from pgworker.{what}").fetchone()
    assert row is not None
    return int(row[0])


Copy = Callable[[str], tuple[str, psycopg.Connection]]


@pytest.fixture
def copy(server: Server, sound: Sound, connection: psycopg.Connection) -> Iterator[Copy]:
    """Makes a copy of the sound database, to be spoilt."""
    names: list[str] = []
    opened: list[psycopg.Connection] = []
    connection.close()

    def make(name: str) -> tuple[str, psycopg.Connection]:
        names.append(f"{sound.database}_{name}")
        with server.connect("postgres") as postgres:
            # a pooler keeps sessions of those who have gone
            postgres.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [sound.database]
            )
            postgres.execute(f"create database {names[-1]} template {sound.database}")
        opened.append(psycopg.connect(server.url(names[-1]), autocommit=True))
        opened[-1].execute("set session_replication_role = replica")  # no triggers
        opened[-1].execute("set search_path to pgworker")
        return server.url(names[-1]), opened[-1]

    yield make
    for one in opened:
        one.close()
    with server.connect("postgres") as postgres:
        for name in names:
            postgres.execute(f"drop database {name} with (force)")


async def _flaws(verified: AsyncIterator[object]) -> list[Flaw]:
    return [flaw async for one in verified for flaw in one.flaws]


async def test_nothing_is_wrong_with_a_workflow_because_it_is_paused(sound: Sound, copy: Copy) -> None:
    url, spoilt = copy("paused")
    assert spoilt.execute("select pause_workflow(%s)", [sound.lives]).fetchone() == (True,)
    assert _count(spoilt, "jobs where kind = 'held decide'") > 0
    assert await _flaws(verify(Database(url))) == []
    spoilt.execute("update jobs set kind = 'decide' where kind = 'held decide'")
    assert {flaw.problem for flaw in await _flaws(verify(Database(url)))} == {
        "a job of a paused workflow is not held"
    }
    spoilt.execute("delete from jobs where kind = 'decide' and workflow_id = %s", [sound.lives])
    assert {flaw.problem for flaw in await _flaws(verify(Database(url)))} >= {
        "the queue lacks timers of the state"
    }


ACTIVITY = "select seq from events where workflow_id = %(lives)s and data ? 'activity'"
TIMER = "select seq from events where workflow_id = %(lives)s and type = 'timer.set'"
RESULT = "select max(seq) from events where workflow_id = %(lived)s and data ? 'token'"
EMPTY = "update events set data = '{}' where workflow_id = %(lived)s"
ONE_MORE = "insert into events (workflow_id, seq, type) select id, last_seq + 1,"

CORRUPTIONS: list[tuple[str, str, str]] = [
    (
        "an event in the middle is gone",
        "delete from events where workflow_id = %(lived)s and seq = 4",
        "1..n",
    ),
    ("the newest event is gone", "delete from events where workflow_id = %(lives)s and seq > 2000", "1..n"),
    ("a number was left out", "update workflows set last_seq = last_seq + 1 where id = %(lived)s", "1..n"),
    (
        "a second start",
        f"{ONE_MORE} 'workflow.started' from workflows where id = %(lives)s",
        "only workflow.started",
    ),
    (
        "another end",
        f"{ONE_MORE} 'workflow.failed' from workflows where id = %(lived)s",
        "terminal events",
    ),
    (
        "an event after the end",
        f"{ONE_MORE} 'note' from workflows where id = %(lived)s",
        "follows the terminal event",
    ),
    (
        "a status that nothing says",
        "update workflows set status = 'FAILED', ended_at = now() where id = %(lives)s",
        "terminal events",
    ),
    (
        "a result twice",
        "insert into events (workflow_id, seq, type, task, data) select workflow_id, 9000, type, task, data"
        f" from events where workflow_id = %(lived)s and seq = ({RESULT})",
        "ended more than once",
    ),
    (
        "a result of nothing",
        "update events set data = data || '{\"start\": 1}' where workflow_id = %(lived)s and seq ="
        f" ({RESULT})",
        "no beginning before it",
    ),
    (
        "a result without its token",
        f"update events set data = data - 'token' where workflow_id = %(lived)s and seq = ({RESULT})",
        "under which lease",
    ),
    (
        "another output of a task",
        "update events set data = data || '{\"output\": 7}'"
        " where workflow_id = %(lived)s and task = '/do/3/ran' and type = 'task.completed'",
        "replay gives another output",
    ),
    (
        "another output of the workflow",
        "update workflows set output = '7' where id = %(lived)s",
        "replay gives another output",
    ),
    ("another input", "update workflows set input = '7' where id = %(lives)s", "replay gives another input"),
    (
        "a timer that fired twice",
        "insert into events (workflow_id, seq, type, task, data) select workflow_id, 9000, type, task, data"
        " from events where workflow_id = %(lived)s and type = 'timer.fired'",
        "more than once",
    ),
    (
        "a timer that fired early",
        "update events set occurred_at = occurred_at - interval '1 h' where workflow_id = %(lived)s and"
        " type = 'timer.fired'",
        "fired early",
    ),
    (
        "a timer without its job",
        f"delete from jobs where workflow_id = %(lives)s and seq in ({TIMER})",
        "a timer that is set has no job",
    ),
    (
        "an activity without its job",
        f"delete from jobs where workflow_id = %(lives)s and seq in ({ACTIVITY})",
        "an activity that was begun has no job",
    ),
    (
        "a job of nothing",
        "insert into jobs (workflow_id, seq, kind) values (%(lives)s, 3, 'perform')",
        "nothing that is still open",
    ),
    (
        "a job of an ended workflow",
        "insert into jobs (workflow_id, seq, kind) values (%(lived)s, 0, 'decide')",
        "an ended workflow has a job",
    ),
    (
        "a job of nobody",
        "insert into jobs (workflow_id, seq, kind) values (gen_random_uuid(), 0, 'decide')",
        "a job belongs to nothing",
    ),
    (
        "a workflow that nothing moves",
        "delete from jobs where workflow_id in (select id from workflows where name = 'long')",
        "nothing will ever move",
    ),
    (
        "a lease that was never granted",
        f"update jobs set attempt = 0 where workflow_id = %(lives)s and seq in ({ACTIVITY})",
        "never granted",
    ),
    (
        "a listen that is not subscribed",
        "delete from subscriptions where workflow_id = %(lives)s",
        "not subscribed",
    ),
    (
        "a subscription too many",
        "insert into subscriptions (workflow_id, seq, filter, correlation, value, published_from)"
        " values (%(lived)s, 5, 0, 'c', 'v', now())",
        "no listen that goes on",
    ),
    (
        "a CloudEvent that was received and not consumed",
        "delete from consumptions where workflow_id = %(lived)s",
        "not known to be consumed",
    ),
    (
        "a CloudEvent that was consumed and not received",
        "insert into consumptions (workflow_id, event_id, seq) values (%(lived)s, gen_random_uuid(), 1)",
        "never received",
    ),
    (
        "a child that is not there",
        "delete from workflows where name = 'long'",
        "a parent waits for a child",
    ),
    (
        "a child of another",
        "update workflows set parent_id = %(lived)s where name = 'long'",
        "no event of the parent",
    ),
    (
        "events of nobody",
        "insert into events (workflow_id, seq, type) values (gen_random_uuid(), 1, 'note')",
        "events belong to no workflow",
    ),
    ("a snapshot of the future", "update snapshots set seq = 1000000", "an event that is not there"),
    ("a snapshot off by one", "update snapshots set seq = seq - 1", "not what the history amounts to"),
    ("a snapshot that is torn", "update snapshots set state = '\\x00'", "a snapshot cannot be read"),
    (
        "a snapshot of one that has ended",
        "update snapshots set workflow_id = %(lived)s",
        "no workflow that goes on",
    ),
    ("a workflow without its definition", "delete from definitions where name = 'lived'", "no definition"),
    (
        "a position of the future",
        "update correlated_events set position = position + 10",
        "not given out yet",
    ),
    (
        "knowledge of the future",
        "update workflows set folded_seq = last_seq + 1 where id = %(lives)s",
        "to know more than there is",
    ),
    (
        "a history that no engine has written",
        "update events set data = data - 'subscriptions' - 'expected' || '{\"subscriptions\": []}'"
        " where workflow_id = %(lives)s and type = 'listen.started'",
        "cannot be replayed",
    ),
    ("the data of a result is gone", f"{EMPTY} and seq = ({RESULT})", "cannot be replayed"),
    ("the data of a timer are gone", f"{EMPTY} and type = 'timer.set'", "cannot be replayed"),
    (
        "the data of an event are an array",
        "update events set data = '[]' where workflow_id = %(lives)s and seq = 5",
        "cannot be replayed",
    ),
    (
        "members of events are of other kinds",
        'update events set data = data || \'{"start": "abc", "child": 1, "attempt": [], "due_at": "?"}\''
        " where workflow_id = %(lives)s and seq > 1",
        "cannot be replayed",
    ),
    (
        "an end that does not say of what",
        "update events set data = data - 'start' where workflow_id = %(lived)s and type = 'task.completed'",
        "what began has not ended",
    ),
    (
        "a task that is nowhere",
        "update events set task = null where workflow_id = %(lived)s and type = 'task.completed'",
        "cannot be replayed",
    ),
    (
        "a timer's job that comes too late",
        f"update jobs set due_at = due_at + interval '1 day' where seq in ({TIMER})",
        "put off for longer",
    ),
    (
        "a timer's job that comes too early",
        f"update jobs set due_at = due_at - interval '1 m' where seq in ({TIMER})",
        "due before its time",
    ),
    ("an activity that nobody gets", "update jobs set due_at = 'infinity'", "put off for longer"),
    ("a job in another lane", "update jobs set namespace = 'x' where kind = 'decide'", "lane"),
    ("a job of another priority", "update jobs set priority = 9 where kind = 'perform'", "lane"),
    (
        "a child of another task",
        "update workflows set parent_seq = parent_seq - 1 where name = 'long'",
        "no event of the parent",
    ),
    ("a child that nobody waits for", "update workflows set parent_waits = false", "no event of the parent"),
    ("a schedule without its job", "delete from jobs where kind = 'schedule'", "make this schedule start"),
    (
        "a schedule that is put off",
        "update jobs set due_at = due_at + interval '1 day' where kind = 'schedule'",
        "put off for longer",
    ),
    (
        "a schedule that does not listen",
        "delete from subscriptions where kind = 'schedule'",
        "make this schedule start",
    ),
    ("a schedule of nothing", "delete from definitions where name = 'hourly'", "of no definition"),
    ("another value", "update subscriptions set value = 'x' where kind = 'decide'", "not subscribed to"),
    ("another correlation", "update subscriptions set correlation = 'x'", "not subscribed to"),
    ("a later beginning", "update subscriptions set published_from = now()", "does not begin where"),
    ("a listener that has seen all", "update subscriptions set seen = 1000000", "still to come"),
    ("a workflow of the future", "update workflows set event_floor = 1000000", "still to come"),
    ("correlations that are gone", "delete from correlations", "not known for all of its time"),
    ("a correlation since later", "update correlations set since = now()", "not known for all of its time"),
    ("a correlation by other keys", "update correlations set keys = '[\".id\"]'", "not what its id says"),
    ("CloudEvents that nobody finds", "delete from correlated_events", "will not be found"),
    ("CloudEvents that are gone", "delete from cloud_events", "found that is not there"),
    ("a CloudEvent of a live one that is gone", "delete from cloud_events", "live workflow has consumed"),
    ("no position", "delete from event_clock", "position of CloudEvents is lost"),
    (
        "an event at no time",
        "update events set occurred_at = 'infinity' where workflow_id = %(lived)s and seq = 3",
        "cannot be replayed",
    ),
    (
        "an event before all calendars",
        "update events set occurred_at = '4000-01-01 BC' where workflow_id = %(lives)s and seq = 3",
        "cannot be replayed",
    ),
    (
        "an event of a type that there is not",
        "update events set type = 'task.foo' where workflow_id = %(lives)s and seq = 2",
        "cannot be replayed",
    ),
    (
        "another time of the end",
        "update workflows set ended_at = '2001-01-01' where id = %(lived)s",
        "another ended_at",
    ),
    (
        "no time of the start",
        "update workflows set started_at = null where id = %(lived)s",
        "started at another time",
    ),
    (
        "a start before the creation",
        "update workflows set started_at = '2001-01-01' where id = %(lived)s",
        "started at another time",
    ),
    (
        "a start after the first task",
        "update workflows set started_at = now() + interval '1 day' where id = %(lives)s",
        "started at another time",
    ),
    (
        "a creation in the future",
        "update workflows set created_at = '2999-01-01' where id = %(lived)s",
        "started at another time",
    ),
    (
        "a creation at no time",
        "update workflows set created_at = '-infinity' where id = %(lives)s",
        "created at no time",
    ),
    (
        "a subscription that waits for ever",
        "update subscriptions set waits_until = '2999-01-01' where workflow_id = %(lives)s",
        "waits for longer",
    ),
    (
        "a schedule that is not its definition's",
        "update schedules set schedule = '{\"every\": {\"days\": 1}}' where name = 'hourly'",
        "not that of its definition",
    ),
    (
        "a schedule that is due too late",
        "update schedules set next_at = '2999-01-01' where name = 'hourly'",
        "due later than",
    ),
    ("another document", "update definitions set document = document || '{\"do\": []}'", "digest is another"),
    ("another digest", "update definitions set digest = 'x'", "digest is another"),
    ("another order", "update definitions set version_order = '0'", "order of its versions"),
    ("a guard that sleeps", "alter table events disable trigger history_is_append_only", "not guarded"),
    ("a guard that is gone", "drop trigger numbers_are_given_by_the_workflow on events", "not guarded"),
]


async def test_each_corruption_is_found_and_a_sound_database_has_no_flaw(copy: Copy, sound: Sound) -> None:
    url, _ = copy("sound")
    assert await _flaws(verify(Database(url))) == []
    assert await _flaws(verify(Database(url), sound.lives)) == []
    missed: dict[str, list[Flaw]] = {}
    for number, (what, statement, problem) in enumerate(CORRUPTIONS):
        url, spoilt = copy(f"c{number}")
        done = spoilt.execute(statement, {"lived": sound.lived, "lives": sound.lives})
        assert done.rowcount, f"{what}: nothing was spoilt"
        flaws = await _flaws(verify(Database(url)))
        if not any(problem in flaw.problem for flaw in flaws):
            missed[what] = flaws
    assert missed == {}


async def test_tables_that_somebody_keeps_locked_are_told_as_a_database_that_does_not_answer(
    database: Database, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "_ANSWER_SECONDS", 0.5)
    with connection.transaction(force_rollback=True):
        connection.execute("lock table pgworker.events")
        with pytest.raises(DatabaseUnavailable, match="no answer within"):
            await _flaws(verify(database))
        with pytest.raises(DatabaseUnavailable, match="no answer within"):
            await _flaws(verify(database, "00000000-0000-0000-0000-000000000001"))
    assert await _flaws(verify(database)) == []


async def test_a_database_in_use_has_no_flaw_at_any_moment(
    database: Database, connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, [{"one": {"set": {"a": 1}}}], "short")
    define(connection, _lived(stub.url), "lived")
    for _ in range(2):
        worker_process(poll_seconds=0.1)
    started: list[str] = []
    for _ in range(8):
        started += [start(connection, "lived") for _ in range(20)]
        connection.execute("select pgworker.publish_event('paid', '{}')")
        assert await _flaws(verify(database)) == []
    while not are_ended(connection, started):
        connection.execute("select pgworker.publish_event('paid', '{}')")
        assert await _flaws(verify(database)) == []
