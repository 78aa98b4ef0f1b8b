"""start_workflow: in the caller's transaction, once for each key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.oracle import violations
from tests.support.refusals import refused
from tests.support.turns import make_known
from tests.support.waiting import until
from tests.support.workflows import define, history, jobs, start, workflow


@pytest.fixture(autouse=True)
def _defined(connection: psycopg.Connection) -> None:
    define(connection)


def test_it_writes_the_workflow_its_first_event_and_its_job(connection: psycopg.Connection) -> None:
    started = start(connection, input={"name": "Ada"}, labels=Jsonb({"team": "a"}), priority=3)
    row = workflow(connection, started)
    assert (row["status"], row["last_seq"], row["priority"]) == ("PENDING", 1, 3)
    assert (row["input"], row["labels"]) == ({"name": "Ada"}, {"team": "a"})
    assert (row["started_at"], row["ended_at"], row["output"], row["error"]) == (None, None, None, None)
    [event] = history(connection, started)
    assert (event.seq, event.type, event.task) == (1, "workflow.started", None)
    assert event.data == {"input": {"name": "Ada"}}
    assert event.actor == connection.info.user
    [job] = jobs(connection, started)
    assert (job.seq, job.kind, job.priority, job.later) == (0, "decide", 3, False)
    assert violations(connection) == []


def test_a_rolled_back_start_leaves_nothing(connection: psycopg.Connection) -> None:
    with connection.transaction(force_rollback=True):
        start(connection)
    for table in ("workflows", "events", "jobs"):
        assert connection.execute(f"select count(*) from pgworker.{table}").fetchone() == (0,)


def test_a_name_that_is_not_defined_is_refused(connection: psycopg.Connection) -> None:
    with refused("PW002", "no workflow is defined as default/other", hint="define_workflow"):
        start(connection, "other")


def test_a_version_that_is_not_defined_is_refused(connection: psycopg.Connection) -> None:
    with refused("PW002", "default/sample:9.9.9"):
        start(connection, version="9.9.9")


@pytest.mark.parametrize("value", [None, False, 0, "text", [1, 2], {"a": {"b": None}}])
def test_any_json_value_is_an_input(connection: psycopg.Connection, value: object) -> None:
    row = connection.execute("select pgworker.start_workflow('sample', %s)", [Jsonb(value)]).fetchone()
    assert row is not None
    assert workflow(connection, str(row[0]))["input"] == value


def test_no_input_is_an_empty_object(connection: psycopg.Connection) -> None:
    for arguments in ("'sample'", "'sample', null"):
        row = connection.execute(f"select pgworker.start_workflow({arguments})").fetchone()
        assert row is not None
        assert workflow(connection, str(row[0]))["input"] == {}


def test_ids_sort_by_the_time_of_their_start(connection: psycopg.Connection) -> None:
    started = []
    for _ in range(5):
        started.append(start(connection))
        connection.execute("select pg_sleep(0.002)")
    assert started == sorted(started)
    assert all(one[14] == "7" and one[19] in "89ab" for one in started)


def test_the_caller_may_choose_the_id(connection: psycopg.Connection) -> None:
    chosen = str(uuid4())
    assert start(connection, workflow_id=chosen) == chosen


def test_an_id_that_is_taken_is_refused(connection: psycopg.Connection) -> None:
    taken = start(connection)
    with refused("PW003", f"the id {taken} exists already", hint="idempotency key"):
        start(connection, workflow_id=taken)
    assert len(history(connection, taken)) == 1


def test_the_same_key_gives_the_same_workflow(connection: psycopg.Connection) -> None:
    first = start(connection, idempotency_key="order 7")
    assert start(connection, idempotency_key="order 7", input={"other": True}) == first
    assert workflow(connection, first)["input"] == {}
    assert start(connection, idempotency_key="order 8") != first
    assert connection.execute("select count(*) from pgworker.workflows").fetchone() == (2,)
    assert violations(connection) == []


def test_a_key_belongs_to_its_definition(connection: psycopg.Connection) -> None:
    define(connection, name="other")
    assert start(connection, idempotency_key="k") != start(connection, "other", idempotency_key="k")


def test_a_key_outlives_the_workflow_and_its_version(connection: psycopg.Connection) -> None:
    first = start(connection, idempotency_key="k")
    connection.execute("select pgworker.cancel_workflow(%s)", [first])
    define(connection, version="2.0.0")
    assert start(connection, idempotency_key="k") == first


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_two_transactions_with_one_key_start_one_workflow(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], ending: str
) -> None:
    second = connect()
    found: list[str] = []
    connection.execute("begin")
    first = start(connection, idempotency_key="k")
    waiting = Thread(target=lambda: found.append(start(second, idempotency_key="k")))
    waiting.start()
    until(lambda: _waits(connection, second))
    connection.execute(ending)
    waiting.join(10)
    assert (found == [first]) == (ending == "commit")
    assert connection.execute("select id::text from pgworker.workflows").fetchall() == [(found[0],)]
    assert violations(connection) == []


def test_a_later_start_is_a_future_job(connection: psycopg.Connection) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    started = start(connection, start_at=later)
    [job] = jobs(connection, started)
    assert (job.due_at, job.later) == (later, True)
    [event] = history(connection, started)
    assert datetime.fromisoformat(event.data["start_at"]) == later


def test_an_event_that_comes_before_its_start_does_not_start_a_workflow_early(
    connection: psycopg.Connection,
) -> None:
    started = start(connection, start_at=datetime.now(UTC) + timedelta(days=2))
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    [job] = jobs(connection, started)
    assert job.later


def test_labels_that_are_no_object_are_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.ProgrammingError, match="labels are an object"):
        start(connection, labels=Jsonb([1]))


def test_idle_workers_are_notified_and_others_are_not(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    listener = connect()
    listener.execute("listen pgworker")
    make_known(connection)
    start(connection)
    assert list(listener.notifies(timeout=0.2)) == []
    connection.execute("select pgworker.declare_idle('w', true)")
    start(connection)
    [heard] = listener.notifies(timeout=5, stop_after=1)
    assert (heard.channel, heard.payload) == ("pgworker", "")


def _waits(watcher: psycopg.Connection, other: psycopg.Connection) -> bool:
    row = watcher.execute(
        "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", [other.info.backend_pid]
    ).fetchone()
    return row == (True,)


def test_an_id_that_names_a_schedule_or_a_cloud_event_is_refused(connection: psycopg.Connection) -> None:
    define(connection, name="scheduled", schedule={"every": {"hours": 1}})
    connection.execute("select pgworker.publish_event('paid')")
    taken = connection.execute(
        "select id::text from pgworker.schedules union all select id::text from pgworker.cloud_events"
    ).fetchall()
    assert len(taken) == 2
    for (one,) in taken:
        with refused("PW003", f"the id {one} is that of a schedule or of a CloudEvent", hint="of your own"):
            start(connection, workflow_id=one)
    assert connection.execute("select kind from pgworker.jobs order by kind").fetchall() == [
        ("correlate",),
        ("schedule",),
    ]


def test_each_workflow_of_a_chosen_id_is_told_from_an_earlier_one(connection: psycopg.Connection) -> None:
    chosen, incarnations = str(uuid4()), set()
    for _ in range(2):
        start(connection, workflow_id=chosen)
        [event] = history(connection, chosen)
        incarnations.add(event.data["incarnation"])
        connection.execute("select pgworker.cancel_workflow(%s)", [chosen])
        connection.execute("select pgworker.purge('0 s')")
    assert len(incarnations) == 2
