"""Schedules in the database: their jobs come and go with them."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from tests.support.workflows import define


def _settle(connection: psycopg.Connection) -> str:
    """Looks after the one schedule as a worker does, and returns the workflow that it starts."""
    with connection.transaction():
        schedules = connection.execute("select id from pgworker.claim_schedules(10)").fetchall()
        assert len(schedules) == 1
        connection.execute(
            "select pgworker.settle_schedule(%s, null, array['{}'::jsonb], now(), null, '{}', null, null)",
            schedules[0],
        )
    row = connection.execute("select last_workflow_id from pgworker.schedules").fetchone()
    assert row is not None
    return str(row[0])


def test_the_job_of_a_schedule_that_was_replaced_meanwhile_is_taken_away(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection, schedule={"after": {"seconds": 1}})
    workflow_id = _settle(connection)
    other = connect()
    with other.transaction():
        other.execute("select pgworker.cancel_workflow(%s)", [workflow_id])  # tells the schedule
        define(connection, version="2.0.0")
    waiting = "select schedule_in is not null from pgworker.next_rounds()"
    assert connection.execute(waiting).fetchone() == (True,)
    assert connection.execute("select * from pgworker.claim_schedules(10)").fetchall() == []
    assert connection.execute(waiting).fetchone() == (False,)
