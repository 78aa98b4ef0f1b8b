"""Schedules in the database: renewed by definitions, claimed, settled, told of CloudEvents and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.support.letters import (
    PAID,
    Round,
    claim_schedules,
    correlate,
    mail,
    mail_ids,
    publish,
    schedule,
    settle_schedule,
    subscribe_schedule,
)
from tests.support.waiting import until
from tests.support.workflows import define, jobs, workflow

EVERY = {"every": "PT1H"}
AFTER = {"after": "PT1S"}
ON = {"on": {"one": {"with": {"type": "order.paid"}}}}
SOON = datetime(2100, 1, 1, tzinfo=UTC)


def _schedule(connection: psycopg.Connection, name: str = "sample") -> dict[str, object]:
    row = schedule(connection, name)
    assert row is not None, "there is no schedule"
    return row


def _all_jobs(connection: psycopg.Connection) -> list[tuple[str, int]]:
    return connection.execute("select kind, seq from pgworker.jobs order by kind, seq").fetchall()


# --- definitions


def test_a_definition_with_a_schedule_has_a_row_and_a_job(connection: psycopg.Connection) -> None:
    define(connection, schedule=EVERY)
    row = _schedule(connection)
    assert (row["version"], row["schedule"], row["runs"], row["next_at"]) == ("1.0.0", EVERY, 0, None)
    [job] = jobs(connection, str(row["id"]))
    assert (job.kind, job.seq, job.later) == ("schedule", 0, False)


@pytest.mark.parametrize("none", [{}, {"schedule": {}}, {"schedule": None}, {"schedule": "x"}])
def test_a_definition_without_a_schedule_has_none(
    connection: psycopg.Connection, none: dict[str, object]
) -> None:
    define(connection, **none)
    assert schedule(connection) is None
    assert _all_jobs(connection) == []


def test_a_newer_version_takes_the_schedule_over(connection: psycopg.Connection) -> None:
    define(connection, schedule=ON)
    old = _schedule(connection)
    subscribe_schedule(connection, old["id"], PAID)
    publish(connection)
    correlate(connection)
    assert len(jobs(connection, str(old["id"]))) == 2
    define(connection, version="1.1.0", schedule=EVERY)
    new = _schedule(connection)
    assert (new["version"], new["schedule"]) == ("1.1.0", EVERY)
    assert connection.execute("select from pgworker.subscriptions").fetchall() == []
    assert jobs(connection, str(old["id"])) == []
    assert len(jobs(connection, str(new["id"]))) == 1


def test_a_newer_version_without_a_schedule_ends_it(connection: psycopg.Connection) -> None:
    define(connection, schedule=EVERY)
    define(connection, version="2.0.0")
    assert schedule(connection) is None
    assert _all_jobs(connection) == []


def test_an_older_version_changes_nothing(connection: psycopg.Connection) -> None:
    define(connection, version="1.1.0", schedule=EVERY)
    before = schedule(connection)
    define(connection, version="1.0.9", schedule=AFTER)
    define(connection, version="1.0.10")
    assert schedule(connection) == before


def test_the_same_definition_again_changes_nothing(connection: psycopg.Connection) -> None:
    define(connection, schedule=EVERY)
    before = schedule(connection)
    define(connection, schedule=EVERY)
    assert schedule(connection) == before
    assert len(_all_jobs(connection)) == 1


def test_a_rolled_back_definition_leaves_no_schedule(connection: psycopg.Connection) -> None:
    with connection.transaction(force_rollback=True):
        define(connection, schedule=EVERY)
    assert schedule(connection) is None
    assert _all_jobs(connection) == []


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("newest_has_one", [True, False])
def test_of_versions_that_are_defined_at_once_the_newest_counts(
    connection: psycopg.Connection,
    connect: Callable[[], psycopg.Connection],
    newest_first: bool,
    newest_has_one: bool,
) -> None:
    versions = ["2.0.0", "1.0.0"] if newest_first else ["1.0.0", "2.0.0"]
    of = {"2.0.0": {"schedule": EVERY} if newest_has_one else {}, "1.0.0": {"schedule": AFTER}}
    first, second = connect(), connect()
    first.execute("begin")
    define(first, version=versions[0], **of[versions[0]])
    failures: list[Exception] = []

    def define_second() -> None:
        try:
            define(second, version=versions[1], **of[versions[1]])
        except psycopg.Error as error:
            failures.append(error)

    thread = threading.Thread(target=define_second)
    thread.start()
    until(lambda: not thread.is_alive() or _waits(connection), what="the second definition's wait")
    first.execute("commit")
    thread.join(10)
    assert failures == []
    found = schedule(connection)
    assert (found and found["version"]) == ("2.0.0" if newest_has_one else None)


def _waits(connection: psycopg.Connection) -> bool:
    row = connection.execute(
        "select count(*) from pg_stat_activity"
        " where wait_event_type = 'Lock' and query like '%define_workflow%'"
    ).fetchone()
    return row != (0,)


# --- claiming and settling


def test_a_claimed_schedule_is_nobody_elses_until_the_end_of_the_transaction(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection, schedule=EVERY)
    one = connect()
    one.execute("begin")
    [claimed] = claim_schedules(one)
    assert (claimed["name"], claimed["subscribed"], claimed["mail"]) == ("sample", False, None)
    assert claim_schedules(connection) == []
    one.execute("rollback")
    assert len(claim_schedules(connection)) == 1


def test_a_schedule_that_somebody_holds_does_not_hide_the_others(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    for name in ("a", "b"):
        define(connection, name=name, schedule=EVERY)
    one = connect()
    one.execute("begin")
    assert [row["name"] for row in claim_schedules(one, batch=1)] == ["a"]
    assert [row["name"] for row in claim_schedules(connection, batch=1)] == ["b"]


def test_a_schedule_that_is_not_due_is_not_claimed(connection: psycopg.Connection) -> None:
    define(connection, schedule=EVERY)
    [claimed] = claim_schedules(connection)
    settle_schedule(connection, claimed["id"], next_at=SOON)
    assert claim_schedules(connection) == []
    [job] = jobs(connection, str(claimed["id"]))
    assert job.due_at == SOON == _schedule(connection)["next_at"]


def test_settling_starts_workflows_of_the_version_and_keeps_where_it_stands(
    connection: psycopg.Connection,
) -> None:
    define(connection, schedule=EVERY)
    [claimed] = claim_schedules(connection)
    due_at = datetime(2026, 1, 1, tzinfo=UTC)
    settle_schedule(connection, claimed["id"], [{"n": 1}, [1, 2]], next_at=SOON, due_at=due_at)
    row = _schedule(connection)
    assert (row["runs"], row["last_at"], row["next_at"], row["problem"]) == (2, due_at, SOON, None)
    rows = connection.execute(
        "select input, version from pgworker.workflows order by created_at, id"
    ).fetchall()
    assert rows == [({"n": 1}, "1.0.0"), ([1, 2], "1.0.0")]
    assert workflow(connection, str(row["last_workflow_id"]))["input"] == [1, 2]


def test_settling_without_a_start_leaves_the_last_one(connection: psycopg.Connection) -> None:
    define(connection, schedule=AFTER)
    [claimed] = claim_schedules(connection)
    settle_schedule(connection, claimed["id"], [{}])
    before = _schedule(connection)
    settle_schedule(connection, claimed["id"], problem="it is a Monday")
    row = _schedule(connection)
    assert row == before | {"problem": "it is a Monday"}
    assert jobs(connection, str(row["id"])) == []


@pytest.mark.parametrize("end", ["cancel", "turn"])
def test_the_end_of_the_last_workflow_is_told_to_a_schedule_that_waits_for_it(
    connection: psycopg.Connection, end: str
) -> None:
    define(connection, schedule=AFTER)
    define(connection, name="hourly", schedule=EVERY)
    for claimed in claim_schedules(connection):
        settle_schedule(connection, claimed["id"], [{}])
    for name in ("sample", "hourly"):
        last = str(_schedule(connection, name)["last_workflow_id"])
        if end == "cancel":
            connection.execute("select pgworker.cancel_workflow(%s)", [last])
        else:
            connection.execute("select pgworker.workflows_ended(array[%s::uuid])", [last])
    assert [job.seq for job in jobs(connection, str(_schedule(connection)["id"]))] == [0]
    assert jobs(connection, str(_schedule(connection, "hourly")["id"])) == []
    [claimed] = claim_schedules(connection)
    assert str(claimed["last_workflow_id"]) == str(_schedule(connection)["last_workflow_id"])
    assert (claimed["last_ended_at"] is not None) is (end == "cancel")


def test_a_last_workflow_that_was_purged_before_anybody_looked_has_ended(
    connection: psycopg.Connection,
) -> None:
    define(connection, schedule=AFTER)
    [claimed] = claim_schedules(connection)
    settle_schedule(connection, claimed["id"], [{}])
    last = _schedule(connection)["last_workflow_id"]
    connection.execute("select pgworker.cancel_workflow(%s)", [last])
    assert connection.execute("select pgworker.purge('0 s')").fetchone() == (1,)
    [claimed] = claim_schedules(connection)
    assert claimed["last_ended_at"] is not None


def test_a_workflow_before_the_last_one_is_not_waited_for(connection: psycopg.Connection) -> None:
    define(connection, schedule=AFTER)
    [claimed] = claim_schedules(connection)
    settle_schedule(connection, claimed["id"], [{}])
    first = _schedule(connection)["last_workflow_id"]
    settle_schedule(connection, claimed["id"], [{}])
    connection.execute("select pgworker.cancel_workflow(%s)", [first])
    assert jobs(connection, str(claimed["id"])) == []


# --- upon CloudEvents


@pytest.fixture
def listening(connection: psycopg.Connection) -> str:
    """A schedule that listens."""
    define(connection, schedule=ON)
    [claimed] = claim_schedules(connection)
    subscribe_schedule(connection, claimed["id"], PAID)
    settle_schedule(connection, claimed["id"], listens={})
    return str(claimed["id"])


def test_a_schedule_is_told_of_its_events_and_consumes_each_once(
    connection: psycopg.Connection, listening: str
) -> None:
    events = [publish(connection) for _ in range(3)]
    correlate(connection)
    [claimed] = claim_schedules(connection)
    assert claimed["subscribed"]
    assert [letter[2] for letter in claimed["mail"]] == events
    settle_schedule(
        connection,
        listening,
        [[1], [2]],
        consumed=events[:2],
        seen=claimed["mail"][1][1],
        listens={"items": []},
    )
    assert mail_ids(connection, listening) == events[2:]
    assert len(jobs(connection, listening)) == 1  # there is more
    with pytest.raises(psycopg.errors.UniqueViolation):
        settle_schedule(connection, listening, consumed=events[:1])


def test_a_schedule_is_told_nothing_from_before_it_came_to_be(connection: psycopg.Connection) -> None:
    publish(connection)
    define(connection, schedule=ON)
    between = publish(connection)
    [claimed] = claim_schedules(connection)
    subscribe_schedule(connection, claimed["id"], PAID)
    correlate(connection)
    assert mail_ids(connection, str(claimed["id"])) == [between]


def test_a_schedule_goes_on_with_its_last_claim_undone(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listening: str
) -> None:
    event = publish(connection)
    correlate(connection)
    one = connect()
    one.execute("begin")
    [claimed] = claim_schedules(one)
    settle_schedule(one, listening, [[1]], consumed=[event], seen=claimed["mail"][0][1])
    one.execute("rollback")
    [again] = claim_schedules(connection)
    assert again["mail"] == claimed["mail"]
    assert connection.execute("select from pgworker.workflows").fetchall() == []


def test_a_job_for_a_schedule_that_has_gone_does_not_stay(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listening: str
) -> None:
    """A CloudEvent is being correlated while a newer version takes the schedule away."""
    publish(connection)
    round_ = Round(connect())
    round_.claim()
    round_.evaluate()
    assert round_.write()
    define(connection, version="1.1.0")
    round_.commit()
    assert schedule(connection) is None
    claim_schedules(connection)
    assert _all_jobs(connection) == []
    row = connection.execute("select schedule_in from pgworker.outlook()").fetchone()
    assert row == (None,)


def test_a_schedule_with_much_mail_does_not_keep_others_waiting(
    connection: psycopg.Connection, listening: str
) -> None:
    for _ in range(30):
        publish(connection)
    correlate(connection)
    define(connection, name="other", schedule=EVERY)
    assert len(jobs(connection, listening)) == 30
    assert {row["name"] for row in claim_schedules(connection, batch=20)} == {"sample", "other"}
    assert _all_jobs(connection) == []
    assert len(mail(connection, listening)) == 30


def test_the_rounds_know_when_there_is_something_to_do(connection: psycopg.Connection) -> None:
    def rounds() -> tuple[object, object]:
        row = connection.execute("select correlate_in, schedule_in from pgworker.outlook()").fetchone()
        assert row is not None
        return row

    assert rounds() == (None, None)
    define(connection, schedule=EVERY)
    publish(connection)
    assert all(wait <= timedelta(0) for wait in rounds())
    correlate(connection)
    [claimed] = claim_schedules(connection)
    settle_schedule(connection, claimed["id"], next_at=datetime.now(UTC) + timedelta(hours=1))
    correlate_in, schedule_in = rounds()
    assert correlate_in is None
    assert timedelta(minutes=59) < schedule_in <= timedelta(hours=1)
