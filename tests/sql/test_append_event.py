"""append_event and the plain insert: numbers without gaps, in the order of commit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgworker.engine import events
from tests.support.oracle import violations
from tests.support.refusals import refused
from tests.support.turns import Draft, Turns
from tests.support.workflows import define, history, jobs, start, types, workflow

APPEND = "select pgworker.append_event(%s, %s, %s)"
INSERT = "insert into pgworker.events (workflow_id, type, data) values (%s, %s, %s) returning seq"
BOTH = pytest.mark.parametrize("statement", [APPEND, INSERT], ids=["append_event", "insert"])


@pytest.fixture
def started(connection: psycopg.Connection) -> str:
    """A workflow that no worker has seen."""
    define(connection)
    return start(connection)


@BOTH
def test_an_event_gets_the_next_number(connection: psycopg.Connection, started: str, statement: str) -> None:
    for seq in (2, 3):
        row = connection.execute(statement, [started, "order.paid", Jsonb({"amount": seq})]).fetchone()
        assert row == (seq,)
    event = history(connection, started)[-1]
    assert (event.type, event.task, event.data) == ("order.paid", None, {"amount": 3})
    assert event.actor == connection.info.user
    assert workflow(connection, started)["last_seq"] == 3
    assert violations(connection) == []


@BOTH
def test_an_event_without_data_has_empty_data(
    connection: psycopg.Connection, started: str, statement: str
) -> None:
    connection.execute(statement, [started, "order.paid", None])
    assert history(connection, started)[-1].data == {}


def test_an_insert_without_data_or_with_many_rows_appends(
    connection: psycopg.Connection, started: str
) -> None:
    connection.execute(
        "insert into pgworker.events (workflow_id, type)"
        " select %s, 'tick.' || n from generate_series(1, 3) n",
        [started],
    )
    assert types(connection, started)[1:] == ["tick.1", "tick.2", "tick.3"]
    assert violations(connection) == []


def test_an_insert_cannot_say_who_when_or_to_which_task(connection: psycopg.Connection, started: str) -> None:
    connection.execute(
        "insert into pgworker.events (workflow_id, type, task, occurred_at, actor)"
        " values (%s, 'order.paid', '/do/0/hello', '2000-01-01', 'somebody else')",
        [started],
    )
    event = history(connection, started)[-1]
    assert event.task is None
    assert event.actor == connection.info.user
    assert event.occurred_at.year > 2000


@BOTH
@pytest.mark.parametrize(
    "type_",
    [
        *("workflow.completed", "workflow.anything", "task.started", "task.completed", "timer.fired"),
        *("iteration.started", "input.transformed", "listen.started", "child.started", "branch.started"),
        *("snapshot.taken", "event.received", "message.received"),
    ],
)
def test_types_of_the_engine_are_refused(
    connection: psycopg.Connection, started: str, statement: str, type_: str
) -> None:
    with refused("PW004", f"type {type_} are written by the engine alone", hint="your own domain"):
        connection.execute(statement, [started, type_, None])
    assert types(connection, started) == ["workflow.started"]


@BOTH
@pytest.mark.parametrize("type_", ["tasks.done", "mytask.started", "workflow", "event.happened", "Ä ö"])
def test_types_of_ones_own_are_kept_as_given(
    connection: psycopg.Connection, started: str, statement: str, type_: str
) -> None:
    connection.execute(statement, [started, type_, None])
    assert types(connection, started) == ["workflow.started", type_]


@BOTH
@pytest.mark.parametrize("type_", ["", None])
def test_an_event_without_a_type_is_refused(
    connection: psycopg.Connection, started: str, statement: str, type_: str | None
) -> None:
    with refused("PW001", "an event has a type"):
        connection.execute(statement, [started, type_, None])


@BOTH
def test_an_unknown_workflow_is_refused(connection: psycopg.Connection, statement: str) -> None:
    with refused("PW002", "there is no workflow"):
        connection.execute(statement, [uuid4(), "order.paid", None])


@BOTH
def test_an_ended_workflow_takes_no_more_events(
    connection: psycopg.Connection, started: str, statement: str
) -> None:
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    with refused("PW004", "is CANCELLED, and nothing can be added"):
        connection.execute(statement, [started, "order.paid", None])
    assert violations(connection) == []


@BOTH
def test_a_rolled_back_event_leaves_no_gap(
    connection: psycopg.Connection, started: str, statement: str
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(statement, [started, "order.lost", None])
    assert connection.execute(statement, [started, "order.paid", None]).fetchone() == (2,)
    assert violations(connection) == []


@BOTH
def test_an_event_gives_the_workflow_a_turn(
    connection: psycopg.Connection, started: str, statement: str
) -> None:
    turns = Turns(connection)
    [claimed] = turns.claim()
    turns.commit(Draft(claimed).done())
    assert jobs(connection, started) == []
    connection.execute("update pgworker.workflows set priority = 5")
    for _ in range(2):
        connection.execute(statement, [started, "order.paid", None])
    [job] = jobs(connection, started)
    assert (job.seq, job.kind, job.priority, job.later) == (0, "decide", 5, False)


@BOTH
def test_an_event_before_the_first_turn_waits_for_it(
    connection: psycopg.Connection, started: str, statement: str
) -> None:
    before = jobs(connection, started)
    connection.execute(statement, [started, "order.paid", None])
    assert [(job.seq, job.due_at) for job in jobs(connection, started)] == [
        (job.seq, job.due_at) for job in before
    ]


@BOTH
def test_sixteen_clients_at_once_leave_no_gap_and_no_double(
    connection: psycopg.Connection,
    connect: Callable[[], psycopg.Connection],
    started: str,
    statement: str,
) -> None:
    clients, each = 16, 50

    def append(client: int, own: psycopg.Connection) -> list[int]:
        numbers = []
        for n in range(each):
            row = own.execute(statement, [started, "tick", Jsonb({"client": client, "n": n})]).fetchone()
            assert row is not None
            numbers.append(row[0])
        return numbers

    connections = [connect() for _ in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        numbers = list(pool.map(append, range(clients), connections))

    assert sorted(chain.from_iterable(numbers)) == list(range(2, 2 + clients * each))
    assert all(own == sorted(own) for own in numbers)
    stored = history(connection, started)[1:]
    for client, own in enumerate(numbers):
        assert [e.seq for e in stored if e.data["client"] == client] == own
    assert violations(connection) == []


def test_numbers_are_given_in_the_order_of_commit(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], started: str
) -> None:
    """Whoever has a number holds the workflow: nobody gets a later one before the first is seen by all."""
    other = connect()
    other.execute("set lock_timeout to '200ms'")
    connection.execute("begin")
    connection.execute(APPEND, [started, "first", None])
    with pytest.raises(psycopg.errors.LockNotAvailable):
        other.execute(APPEND, [started, "second", None])
    connection.execute("commit")
    assert other.execute(APPEND, [started, "second", None]).fetchone() == (3,)


def test_history_refuses_every_change(connection: psycopg.Connection, started: str) -> None:
    for statement in (
        "update pgworker.events set data = '{}'",
        "update pgworker.events set seq = seq + 1",
        "delete from pgworker.events",
        "truncate pgworker.events",
    ):
        with refused("PW004", "history is append-only", hint="append_event"):
            connection.execute(statement)
    assert types(connection, started) == ["workflow.started"]


def test_a_merge_or_an_upsert_changes_history_no_more_than_an_update(
    connection: psycopg.Connection, started: str
) -> None:
    with refused("PW004", "history is append-only"):
        connection.execute(
            "insert into pgworker.events (workflow_id, seq, type) values (%s, 1, 'x')"
            " on conflict (workflow_id, seq) do update set type = 'x'",
            [started],
        )


def test_a_whole_workflow_may_go_its_row_first(connection: psycopg.Connection, started: str) -> None:
    kept = start(connection)
    with connection.transaction():
        connection.execute("delete from pgworker.jobs where workflow_id = %s", [started])
        connection.execute("delete from pgworker.workflows where id = %s", [started])
        connection.execute("delete from pgworker.events where workflow_id = %s", [started])
    assert history(connection, started) == []
    assert len(history(connection, kept)) == 1


@pytest.mark.parametrize(
    "type_",
    [
        *(value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)),
        *("snapshot.taken", "order.paid", "task", "tasks.done", "event.received", "event.received.twice"),
    ],
)
def test_the_database_and_the_engine_agree_about_whose_a_type_is(
    connection: psycopg.Connection, type_: str
) -> None:
    found = connection.execute("select pgworker.is_engines_type(%s)", [type_]).fetchone()
    assert found == (events.is_own(type_),)
