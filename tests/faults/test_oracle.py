"""The oracle sees what is wrong: a database in which all is well, and what it says after one change to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.support.failpoints.kinds import definition
from tests.support.lease_audit import audit_leases
from tests.support.oracle import violations
from tests.support.processes import WorkerProcess, Zygote
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import start

DOCUMENTS = {
    "hears": "do: [{l: {listen: {to: {any: [{with: {type: a}}], until: '${ length >= 2 }'}}}}]",
    "waits": "do: [{l: {listen: {to: {one: {with: {type: never}}}}}}]",
    "says": "do: [{e: {emit: {event: {with: {type: a, source: /here}}}}}]",
    "asks": "do: [{c: {call: http, with: {method: get, endpoint: STUB/count}}}]",
    "child": "do: [{s: {set: {n: 1}}}]",
    "parent": "do: [{r: {run: {workflow: {namespace: default, name: child, version: 1.0.0}}}}]",
    "long-child": "do: [{w: {wait: {hours: 1}}}]",
    "long-parent": "do: [{r: {run: {workflow: {namespace: default, name: long-child, version: 1.0.0}}}}]",
    "long": "do: [{l: {for: {in: '[range(520)]'}, do: [{s: {set: {n: 1}}}]}}, {w: {wait: {hours: 1}}}]",
    "every": "schedule: {every: {days: 1}}\ndo: [{s: {set: {n: 1}}}]",
    "after": "schedule: {after: {days: 1}}\ndo: [{s: {set: {n: 1}}}]",
    "on": "schedule: {on: {one: {with: {type: a}}}}\ndo: [{s: {set: {n: 1}}}]",
}
LIVE = 4
"""So many workflows go on and on: one that listens, a parent and its child, and one with a long history."""

ENDED_NOW = "ended_at = clock_timestamp()"
RECEIVED = "select min(data ->> 'received') from events where type = 'event.received'"

CHANGES = {
    "the numbers are not 1..n": "delete from events where seq = 2",
    "events belong to no workflow": """
        insert into events (workflow_id, seq, type) values (gen_random_uuid(), 1, 'x')""",
    "an ended workflow has jobs": """
        insert into jobs (workflow_id, kind) select id, 'decide' from workflows where name = 'asks'""",
    "a job belongs to nothing": """
        insert into jobs (workflow_id, kind) values (gen_random_uuid(), 'correlate')""",
    "a timer that is set has no job": "delete from jobs where kind = 'decide' and seq > 0",
    "a live workflow has no job": "delete from subscriptions where kind = 'decide'",
    "replay gives another output": "update workflows set output = '7' where name = 'asks'",
    "replay gives another state than the snapshot": "update snapshots set digest = 'x'",
    "somebody listens who is not there": """
        insert into subscriptions (workflow_id, seq, filter, correlation, value, published_from)
        select id, 2, 0, 'c', 'v', now() from workflows where name = 'hears'""",
    "a listen has begun and is subscribed to nothing": "delete from subscriptions where kind = 'decide'",
    "what a workflow received is not what it consumed": """
        delete from consumptions k using workflows w where w.id = k.workflow_id""",
    "a workflow received the same CloudEvent twice": f"""
        update events set data = jsonb_set(data, '{{received}}', to_jsonb(({RECEIVED})))
        where type = 'event.received'""",
    "a workflow received what was not published": "update cloud_events set published_at = '2000-01-01'",
    "a listen received CloudEvents in another order": """
        update correlated_events set position = - position,
            published_at = '2000-01-01'::timestamptz - position * interval '1 s'""",
    "a CloudEvent that was emitted was not published": "delete from cloud_events where source = '/here'",
    "a CloudEvent was published for a workflow that did not emit it": """
        update cloud_events set event_id = 'x' || event_id where source = '/here'""",
    "a CloudEvent was not correlated": "delete from correlated_events",
    "a listener was not told of a CloudEvent": """
        insert into correlated_events (correlation, value, position, event_id, published_at)
        select s.correlation, s.value, 1000000, gen_random_uuid(), clock_timestamp()
        from subscriptions s where s.kind = 'decide'""",
    "a child that was started is not there": "delete from workflows where name = 'child'",
    "a workflow has a parent that did not start it": """
        update workflows w set parent_id = o.id from workflows o
        where w.name = 'child' and o.name = 'asks'""",
    "a parent knows another end of its child": "update workflows set status = 'FAILED' where name = 'child'",
    "a parent waits for a child that has ended": f"""
        update workflows set status = 'COMPLETED', {ENDED_NOW} where name = 'long-child'""",
    "a child lives that nobody waits for": f"""
        update workflows set status = 'CANCELLED', {ENDED_NOW} where name = 'long-parent'""",
    "a schedule has not started as many": "update schedules set runs = runs + 1 where name = 'on'",
    "a schedule stands still": "delete from jobs where kind = 'schedule'",
    "a schedule is due, and nobody will look after it": """
        update schedules set next_at = next_at - interval '1 hour' where name = 'every'""",
    "a result does not carry the latest lease": """
        update events set data = data || '{"attempt": 2}' where data ? 'token'""",
}


@pytest.fixture(scope="module")
def lived(
    server: Server, zygote: Zygote, stub_process: Stub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[psycopg.Connection]:
    """A database in which everything that the oracle knows of has happened, and nothing went wrong."""
    name = f"oracle_{os.getpid()}"
    folder = tmp_path_factory.mktemp("oracle")
    stub_process.begin(folder / "ledger")
    with server.connect(server.maintenance_dbname) as maintenance:
        maintenance.execute(f"create database {name}")
        try:
            migrate(Database(server.url(name)))
            with psycopg.connect(
                server.url(name), autocommit=True, options="-c search_path=pgworker"
            ) as connection:
                audit_leases(connection)
                _live(connection, stub_process, zygote, server.url(name), folder)
                yield connection
        finally:
            maintenance.execute(f"drop database {name} with (force)")


def _live(connection: psycopg.Connection, stub: Stub, zygote: Zygote, url: str, folder: Path) -> None:
    for name, text in DOCUMENTS.items():
        document = definition(name, text, stub.url)
        connection.execute("select define_workflow(%s)", [Jsonb(document)])
    for name in ("hears", "waits", "asks", "parent", "long-parent", "long"):
        start(connection, name)
    environment = {
        "PGWORKER_DATABASE_URL": url,
        "PGWORKER_WORKER_ID": "oracle",
        "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
    }
    worker = WorkerProcess(zygote, environment, folder / "log")
    try:
        for _ in range(2):
            until(
                lambda: _is_true(
                    connection, "select exists (select from subscriptions where kind = 'schedule')"
                )
            )
            start(connection, "says")
        until(lambda: _is_at_rest(connection), what="rest")
    finally:
        worker.end()


def _is_at_rest(connection: psycopg.Connection) -> bool:
    return _is_true(
        connection,
        f"""select (select count(*) = {LIVE} from workflows where ended_at is null)
               and (select runs = 2 from schedules where name = 'on')
               and (select next_at is not null and runs = 1 from schedules where name = 'after')
               and not exists (select from jobs where due_at <= clock_timestamp())""",
    )


def _is_true(connection: psycopg.Connection, query: str) -> bool:
    row = connection.execute(query).fetchone()
    return row is not None and row[0] is True


def test_it_has_nothing_to_say_when_all_is_well(lived: psycopg.Connection, stub_process: Stub) -> None:
    assert violations(lived, stub_process.effects()) == []


@pytest.mark.parametrize("said", CHANGES)
def test_it_says_what_is_wrong(lived: psycopg.Connection, said: str) -> None:
    with lived.transaction(force_rollback=True):
        lived.execute("set local session_replication_role = replica")
        changed = lived.execute(CHANGES[said])
        assert changed.rowcount > 0
        assert said in "\n".join(violations(lived))


def test_it_misses_an_effect_that_history_tells_of(lived: psycopg.Connection) -> None:
    assert "a result without an effect" in "\n".join(violations(lived, []))
