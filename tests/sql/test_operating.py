"""What somebody sees of a running system in psql: waiting, failures, health, state_at, timeline, purge."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.long_histories import insert_long
from tests.support.oracle import violations
from tests.support.refusals import refused
from tests.support.stub import Stub
from tests.support.turns import make_known
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, history, start, workflow

NAP: dict[str, Any] = {"wait": {"hours": 1}}


def _rows(connection: psycopg.Connection, query: str, *parameters: object) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _waits(connection: psycopg.Connection, workflow_id: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select waits_for, task, detail from pgworker.waiting where workflow_id = %s order by 1, 2",
        [workflow_id],
    ).fetchall()


def test_waiting_says_what_holds_each_workflow_up(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    order = {"correlate": {"order": {"from": ".order", "expect": "${ .order }"}}}
    hear = {"listen": {"to": {"any": [{"with": {"type": "paid"}, **order}, {"with": {"type": "lost"}}]}}}
    define(connection, [{"nap": NAP}], "naps")
    define(connection, [{"hear": hear}], "hears")
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=20000")}], "asks")
    run = {"run": {"workflow": {"namespace": "default", "name": "naps", "version": "1.0.0"}}}
    define(connection, [{"run": run}], "runs")
    later = start(connection, "naps", start_at="2100-01-01")
    paused = start(connection, "naps")
    connection.execute("select pgworker.pause_workflow(%s, 'lunch')", [paused])
    worker = worker_process(poll_seconds=0.2)
    one = {name: start(connection, name, {"order": 7}) for name in ("naps", "hears", "asks", "runs")}
    until(lambda: [w[0] for w in _waits(connection, one["runs"])] == ["workflow"] and stub.effects("/slow"))
    until(lambda: _waits(connection, one["hears"]) and _waits(connection, one["hears"])[0][0] == "event")
    assert _waits(connection, later) == [("start", None, None)]
    assert _waits(connection, paused) == [("resume", None, "lunch")]
    assert _waits(connection, one["naps"]) == [("timer", "/do/0/nap", None)]
    assert _waits(connection, one["asks"]) == [("activity", "/do/0/ask", "attempt 1, performed by worker-1")]
    [(_, task, detail)] = _waits(connection, one["hears"])
    assert (task, detail) == ("/do/0/hear", 'paid with {"order": 7}, lost')
    [(_, task, detail)] = _waits(connection, one["runs"])
    assert task == "/do/0/run"
    assert "naps" in detail
    worker.kill()


def test_failures_puts_those_together_that_failed_alike(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    error = {"type": "https://x.test/boom", "status": 500, "title": "Boom", "detail": '${ "no " + .n }'}
    define(connection, [{"bad": {"raise": {"error": error}}}])
    worker_process(poll_seconds=0.2)
    for n in ("1", "2", "3"):
        ended(connection, start(connection, input={"n": n}))
    [row] = _rows(connection, "select * from pgworker.failures")
    assert (row["name"], row["task"], row["title"], row["status"]) == ("sample", "/do/0/bad", "Boom", 500)
    assert (row["workflows"], row["latest_detail"]) == (3, "no 3")


def test_health_advises_where_something_is_wrong(connection: psycopg.Connection) -> None:
    def topics() -> dict[str, tuple[str, str | None]]:
        rows = connection.execute("select topic, state, advice from pgworker.health").fetchall()
        return {topic: (state, advice) for topic, state, advice in rows}

    assert topics()["workers"][0] == "bad"
    make_known(connection, "w")
    assert topics()["workers"] == ("ok", None)
    define(connection)
    started = start(connection)
    connection.execute("update pgworker.jobs set due_at = now() - interval '1 min'")
    assert topics()["oldest due job"][0] == "warning"
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    assert {state for state, _ in topics().values()} == {"ok"}


def test_health_says_so_where_it_cannot_see_how_old_transactions_are(
    connection: psycopg.Connection, direct_url: str
) -> None:
    def transactions() -> tuple[str, str, str]:
        row = connection.execute(
            "select state, value, advice from pgworker.health where topic = 'oldest transaction'"
        ).fetchone()
        assert row is not None
        return row

    with psycopg.connect(direct_url) as other:
        other.execute("select 1")
        assert transactions()[0] == "ok"
        connection.execute("set role pgworker_reader")
        state, value, advice = transactions()
        connection.execute("reset role")
    assert (state, value) == ("warning", "hidden")
    assert "pg_read_all_stats" in advice


def test_state_at_tells_how_things_stood(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(
        connection,
        [
            {"a": {"set": {"n": 1}}},
            {"d": {"do": [{"ask": call(f"{stub.url}/count")}]}},
            {"z": {"set": {"n": 2}}},
        ],
    )
    worker_process(poll_seconds=0.2)
    started = start(connection, input={"in": True})
    ended(connection, started)
    asked = next(
        e.seq for e in history(connection, started) if e.type == "task.started" and e.data.get("activity")
    )
    query = "select name, status, input, output from pgworker.state_at(%s, %s)"
    assert connection.execute(query, [started, 1]).fetchall() == []
    assert connection.execute(query, [started, asked]).fetchall() == [
        ("a", "COMPLETED", {"in": True}, {"n": 1}),
        ("d", "RUNNING", {"n": 1}, None),
        ("ask", "RUNNING", {"n": 1}, None),
    ]
    last = connection.execute(query, [started, None]).fetchall()
    assert [(name, status) for name, status, *_ in last] == [
        ("a", "COMPLETED"), ("d", "COMPLETED"), ("ask", "COMPLETED"), ("z", "COMPLETED"),
    ]  # fmt: skip
    with refused("PW002", "has no event 99", hint="1 to"):
        connection.execute(query, [started, 99])
    with refused("PW002", "there is no workflow"):
        connection.execute(query, [uuid4(), None])


def test_the_timeline_is_a_chart_of_the_width_that_is_asked_for(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    naps = {
        "fork": {
            "branches": [{"short": {"wait": {"milliseconds": 50}}}, {"long": {"wait": {"milliseconds": 300}}}]
        }
    }
    define(
        connection,
        [
            {"naps": naps},
            {"skip": {"if": "${ false }", "set": {"n": 1}}},
            {"bad": {"set": {"x": "${ error }"}}},
        ],
    )
    worker_process(poll_seconds=0.2)
    started = start(connection)
    ended(connection, started)
    rows = _rows(connection, "select * from pgworker.timeline(%s, 30)", started)
    assert [row["task"] for row in rows] == ["naps", "  short", "  long", "skip", "bad"]
    assert {len(row["chart"]) for row in rows} == {30}
    filled = {row["task"].strip(): row["chart"].strip() for row in rows}
    assert set(filled["long"]) == {"#"}
    assert len(filled["long"]) > len(filled["short"]) >= 1
    assert (filled["skip"], filled["bad"]) == ("-", "x")
    with refused("PW002", "there is no workflow"):
        connection.execute("select * from pgworker.timeline(%s)", [uuid4()])


def test_purge_removes_whole_workflows_that_ended_long_ago(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection)
    define(connection, [{"bad": {"set": {"x": "${ error }"}}}], "fails")
    define(connection, [{"nap": NAP}], "naps")
    worker_process(poll_seconds=0.2)
    done = [start(connection) for _ in range(5)]
    failed = start(connection, "fails")
    for one in (*done, failed):
        ended(connection, one)
    purge = "select pgworker.purge(%s::interval, %s, 2)"
    completed = ["COMPLETED"]
    assert connection.execute(purge, ["1 hour", completed]).fetchone() == (0,)
    assert [connection.execute(purge, ["0 s", completed]).fetchone() for _ in range(4)] == [
        (2,),
        (2,),
        (1,),
        (0,),
    ]
    left = connection.execute("select id::text from pgworker.workflows").fetchall()
    assert left == [(failed,)]
    assert connection.execute("select distinct workflow_id::text from pgworker.events").fetchall() == [
        (failed,)
    ]
    assert violations(connection) == []
    assert connection.execute("select pgworker.purge('0 s')").fetchone() == (1,)


def test_purge_keeps_cloud_events_that_somebody_may_still_consume(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"nap": NAP}], "naps")
    connection.execute("select pgworker.publish_event('early')")
    living = start(connection, "naps")
    connection.execute("select pgworker.publish_event('paid', %s)", [Jsonb({"n": 1})])
    worker_process(poll_seconds=0.2)
    until(lambda: not connection.execute("select from pgworker.jobs where kind = 'correlate'").rowcount)
    types = "select type from pgworker.cloud_events order by 1"
    connection.execute("select pgworker.purge('0 s')")
    assert connection.execute(types).fetchall() == [("paid",)]
    connection.execute("select pgworker.cancel_workflow(%s)", [living])
    connection.execute("select pgworker.purge('0 s')")
    assert connection.execute(types).fetchall() == []


def test_purge_tells_of_cloud_events_once_no_workflow_is_left(connection: psycopg.Connection) -> None:
    define(connection)
    connection.execute("select pgworker.publish_event('paid') from generate_series(1, 5)")
    connection.execute("delete from pgworker.jobs")
    connection.execute("select pgworker.cancel_workflow(%s)", [start(connection)])
    purge = "select pgworker.purge('0 s', batch => 2), (select count(*) from pgworker.cloud_events)"
    left = [connection.execute(purge).fetchone() for _ in range(4)]
    assert [purged for purged, _ in left] == [1, 2, 1, 0]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("interval '1 day', array['RUNNING']", "only workflows that have ended"),
        ("interval '-1 day'", "an age of a thousand years"),
        ("interval '1000001 years'", "an age of a thousand years"),
        ("interval '1 day', batch => 0", "an age of a thousand years"),
    ],
)
def test_purge_refuses_what_would_do_harm(
    connection: psycopg.Connection, arguments: str, message: str
) -> None:
    with refused("PW001", message):
        connection.execute(f"select pgworker.purge({arguments})")


def test_steering_from_an_older_transaction_is_told_at_its_own_time(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection)
    with connect() as older:
        older.autocommit = False
        older.execute("select pg_sleep(0.05)")
        started, left = start(connection), start(connection)
        older.execute("select pgworker.append_event(%s, 'order.paid')", [started])
        older.execute("insert into pgworker.events (workflow_id, type) values (%s, 'order.sent')", [started])
        assert older.execute("select * from pgworker.timeline(%s)", [left]).fetchall() == []
        older.execute("select pgworker.cancel_workflow(%s)", [started])
        older.commit()
    row = workflow(connection, started)
    times = [event.occurred_at for event in history(connection, started)]
    assert [row["created_at"], *times] == sorted([row["created_at"], *times])
    assert row["ended_at"] == times[-1]


def test_health_tells_of_leases_that_ran_out_and_nobody_took(connection: psycopg.Connection) -> None:
    topic = "select state, value from pgworker.health where topic = 'stuck leases'"
    assert connection.execute(topic).fetchone() == ("ok", "none")
    define(connection)
    connection.execute(
        "insert into pgworker.jobs (workflow_id, seq, kind, due_at, namespace, lease_token, worker_id)"
        " values (%s, 2, 'perform', now() - interval '1 min', 'default', %s, 'gone')",
        [start(connection), uuid4()],
    )
    assert connection.execute(topic).fetchone() == ("warning", "1")


def test_health_is_well_again_once_a_version_without_problems_is_defined(
    connection: psycopg.Connection,
) -> None:
    topic = "select state, value from pgworker.health where topic = 'definitions with problems'"
    define(connection)
    connection.execute("update pgworker.definitions set problems = '[]'")
    assert connection.execute(topic).fetchone() == ("warning", "default/sample:1.0.0")
    define(connection, version="1.0.1")
    assert connection.execute(topic).fetchone() == ("ok", "none")


def test_a_long_history_is_shown_at_once_although_the_planner_does_not_know_of_it(
    connection: psycopg.Connection,
) -> None:
    connection.execute("alter table pgworker.events set (autovacuum_enabled = false)")
    started = insert_long(connection, 4000)
    for query in (
        "select count(*) from pgworker.state_at(%s)",
        "select count(*) from pgworker.tasks where workflow_id = %s",
        "select count(*) from pgworker.timeline(%s)",
    ):
        began = time.monotonic()
        assert connection.execute(query.encode(), [started]).fetchone() == (8001,)
        assert time.monotonic() - began < 2


def test_purge_leaves_nothing_of_what_a_schedule_consumed(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, schedule={"on": {"one": {"with": {"type": "tick"}}}})
    worker_process(poll_seconds=0.1)
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount)
    connection.execute("select pgworker.publish_event('tick') from generate_series(1, 3)")
    ended_ = "select count(*) from pgworker.workflows where status = 'COMPLETED'"
    until(lambda: connection.execute(ended_).fetchone() == (3,))
    assert connection.execute("select count(*) from pgworker.consumptions").fetchone() == (3,)
    while connection.execute("select pgworker.purge('0 s')").fetchone() != (0,):
        pass
    assert connection.execute("select count(*) from pgworker.consumptions").fetchone() == (0,)
