"""Copies of workflows are what the engine would have written, so what is measured among them is true."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from benchmarks.crowds import copy_listeners, copy_timers, listen, pay, wait
from benchmarks.documents import definitions
from benchmarks.load import Load
from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import are_ended

_ROWS = {
    "workflows": "select * from pgworker.workflows where id = %s",
    "events": "select * from pgworker.events where workflow_id = %s order by seq",
    "jobs": "select * from pgworker.jobs where workflow_id = %s order by seq",
    "subscriptions": "select * from pgworker.subscriptions where workflow_id = %s order by seq, filter",
}
_OF_ITS_OWN = {"id", "workflow_id", "created_at", "started_at", "occurred_at", "published_from"}
"""What no two workflows have in common."""


@pytest.fixture
def crowd(connection: psycopg.Connection, worker_process: WorkerFactory) -> psycopg.Connection:
    """A database in which crowds can gather, with a worker."""
    for definition in definitions():
        Load(connection).define(definition)
    worker_process()
    return connection


def written(connection: psycopg.Connection, workflow_id: str) -> dict[str, list[dict[str, Any]]]:
    """All that is written of a workflow, but for what it has of its own."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            table: [
                {name: value for name, value in row.items() if name not in _OF_ITS_OWN}
                for row in cursor.execute(query, [workflow_id])
            ]
            for table, query in _ROWS.items()
        }


def test_a_copied_listener_is_what_the_engine_writes_and_gets_its_event(crowd: psycopg.Connection) -> None:
    original, real = listen(crowd, 0), listen(crowd, 7)
    copy_listeners(crowd, original, range(7, 17))
    ids = [str(id_) for (id_,) in crowd.execute("select id from pgworker.workflows order by id")]
    assert len(ids) == 12
    copied = next(
        one
        for one in ids
        if one != real and written(crowd, one)["workflows"][0]["input"] == {"order": "order-7"}
    )
    assert written(crowd, copied) == written(crowd, real)
    assert len(written(crowd, copied)["subscriptions"]) == 1
    pay(crowd, range(17))
    until(lambda: are_ended(crowd, ids))
    rows = crowd.execute("select output #>> '{0,order}' = input ->> 'order' from pgworker.workflows")
    assert [own for (own,) in rows] == [True] * 12
    assert crowd.execute("select count(*) from pgworker.consumptions").fetchone() == (12,)
    assert violations(crowd) == []


def test_a_copied_timer_is_what_the_engine_writes_but_for_its_time(crowd: psycopg.Connection) -> None:
    original = wait(crowd)
    copy_timers(crowd, original, 10, 4_000_000_000, 5)
    told = crowd.execute(
        "select w.input ->> 'at', extract(epoch from j.due_at)::float8,"
        "       extract(epoch from (e.data ->> 'due_at')::timestamptz)::float8"
        " from pgworker.workflows w join pgworker.jobs j on j.workflow_id = w.id and j.seq = 3"
        " join pgworker.events e on e.workflow_id = w.id and e.seq = 3 where w.id <> %s order by j.due_at",
        [original],
    ).fetchall()
    assert [(float(at), due, noted) for at, due, noted in told] == [
        (4_000_000_000 + n / 2,) * 3 for n in range(10)
    ]
    assert violations(crowd) == []
