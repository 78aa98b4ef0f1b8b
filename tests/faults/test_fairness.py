"""Fairness: who has very much to do holds nobody else up for long."""

from __future__ import annotations

import sys
import time

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import HELLO, define, document, ended, start

BACKLOG = 3000
LARGE_BACKLOG = 1_000_000
SOON = 0.1
"""What share of a backlog may be done before what is urgent."""

NOT_LAST = 0.9
"""What share of a backlog may be done before somebody else's workflow, or one of a lower priority."""


@pytest.fixture(autouse=True)
def _defined(connection: psycopg.Connection) -> None:
    define(connection, HELLO, name="many")
    few = document(HELLO, name="few")
    few["document"]["namespace"] = "elsewhere"
    connection.execute("select pgworker.define_workflow(%s)", [Jsonb(few)])


def _many(connection: psycopg.Connection, count: int, priority: int = 0) -> None:
    """What as many calls of ``start_workflow`` would leave behind."""
    connection.execute(
        """
        with w as (
            insert into pgworker.workflows (id, namespace, name, version, input, last_seq, priority)
            select gen_random_uuid(), 'default', 'many', '1.0.0', '{}', 1, %(priority)s
            from generate_series(1, %(count)s)
            returning id),
        e as (
            insert into pgworker.events (workflow_id, seq, type, data)
            select id, 1, 'workflow.started', '{"input": {}}' from w)
        insert into pgworker.jobs (workflow_id, seq, kind, priority)
        select id, 0, 'decide', %(priority)s from w
        """,
        {"count": count, "priority": priority},
    )


def _done_before(connection: psycopg.Connection, workflow_id: str) -> float:
    """What share of the many were done when this one was."""
    row = connection.execute(
        "select avg((m.ended_at is not null and m.ended_at < f.ended_at)::integer)::float"
        " from pgworker.workflows f, pgworker.workflows m where f.id = %s and m.name = 'many'",
        [workflow_id],
    ).fetchone()
    assert row is not None
    sys.stdout.write(f"{row[0]:.1%} were done before\n")
    return row[0]


def _few(connection: psycopg.Connection, priority: int = 0) -> str:
    return start(connection, "few", namespace="elsewhere", priority=priority)


def test_a_higher_priority_goes_before_a_backlog(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    _many(connection, BACKLOG)
    urgent = _few(connection, priority=1)
    worker_process()
    assert ended(connection, urgent)["status"] == "COMPLETED"
    assert _done_before(connection, urgent) < SOON
    _all_done(connection)


def test_a_backlog_of_one_namespace_holds_no_other_up(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    _many(connection, BACKLOG)
    other = _few(connection)
    worker_process()
    assert ended(connection, other)["status"] == "COMPLETED"
    assert _done_before(connection, other) < NOT_LAST


def test_the_lowest_priority_moves_although_higher_ones_never_rest(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    """A backlog is what a stream is that comes faster than it can be worked off."""
    low = _few(connection, priority=-1)
    # it has waited for a minute: only what has waited for long is let in before what is more urgent
    connection.execute("update pgworker.jobs set due_at = due_at - interval '1 minute'")
    _many(connection, BACKLOG)
    worker_process()
    assert ended(connection, low)["status"] == "COMPLETED"
    assert _done_before(connection, low) < NOT_LAST


def test_the_lowest_priority_moves_although_a_higher_one_has_waited_longer(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    _many(connection, BACKLOG)
    low = _few(connection, priority=-1)
    connection.execute("update pgworker.jobs set due_at = due_at - interval '1 minute'")
    worker_process()
    assert ended(connection, low)["status"] == "COMPLETED"
    assert _done_before(connection, low) < NOT_LAST


@pytest.mark.soak
def test_a_million_waiting_workflows_do_not_delay_what_is_urgent(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    _many(connection, LARGE_BACKLOG)
    worker_process()
    latencies = []
    for _ in range(100):
        began = time.monotonic()
        ended(connection, _few(connection, priority=1))
        latencies.append(time.monotonic() - began)
        time.sleep(0.1)
    latencies.sort()
    sys.stdout.write(f"median {latencies[50]:.3f} s, longest {latencies[-1]:.3f} s\n")
    assert latencies[98] < 1


@pytest.mark.soak
@pytest.mark.parametrize(
    "priority",
    [
        pytest.param(0, id="another namespace"),
        pytest.param(-1, id="a lower priority"),
    ],
)
def test_a_million_waiting_workflows_delay_others_by_seconds_at_the_most(
    connection: psycopg.Connection, worker_process: WorkerFactory, priority: int
) -> None:
    _many(connection, LARGE_BACKLOG)
    other = _few(connection, priority)
    worker_process()
    assert ended(connection, other, seconds=60)["status"] == "COMPLETED"


def _all_done(connection: psycopg.Connection) -> None:
    until(lambda: not connection.execute("select 1 from pgworker.jobs limit 1").fetchone(), seconds=60)
    assert connection.execute("select distinct status from pgworker.workflows").fetchall() == [("COMPLETED",)]
    assert violations(connection) == []
