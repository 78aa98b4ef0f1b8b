"""The raw limit: what one connection to the same server writes with one prepared statement a transaction.

A step takes 50 workflows: it inserts their events, updates their rows, and replaces their jobs, in tables
shaped like the engine's own, without triggers, functions, claiming or thinking.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import psycopg

from benchmarks.report import Row, median_row

BATCH = 50
_WORKFLOWS = 5000
_DATA = '{"from": 1, "kind": "set", "output": {"name": "Ada", "count": 1}, "next": "task1"}'

# A statement that was planned for tables that are empty yet would read them whole ever after.
_PINNED = """
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
"""

_TABLES = """
create schema raw;
create table raw.workflows (like pgworker.workflows including all) with (fillfactor = 80);
create table raw.events (like pgworker.events including all);
create table raw.jobs (like pgworker.jobs including all) with (fillfactor = 70);
"""

_FILL = """
with started as (
    insert into raw.workflows (id, namespace, name, version)
    select pgworker.uuid_by_time(), 'default', 'raw', '1.0.0' from generate_series(1, %s) returning id),
queued as (
    insert into raw.jobs (workflow_id, seq, kind) select id, 0, 'decide' from started)
select id::text from started
"""

_STEP = """
with changed as (
    update raw.workflows w set last_seq = %(seq)s, folded_seq = %(seq)s, folded_by = %(worker)s::uuid,
        status = 'RUNNING', started_at = coalesce(started_at, now())
    from unnest(%(ids)s::uuid[]) n (id) where w.id = n.id),
ended as (
    delete from raw.jobs j using unnest(%(ids)s::uuid[]) n (id) where j.workflow_id = n.id),
queued as (
    insert into raw.jobs (workflow_id, seq, kind)
    select n.id, %(seq)s, 'decide' from unnest(%(ids)s::uuid[]) n (id))
insert into raw.events (workflow_id, seq, type, task, data, actor)
select n.id, %(seq)s - s.back, 'task.completed', '/do/0/task0', %(data)s::jsonb, %(worker)s
from unnest(%(ids)s::uuid[]) n (id), generate_series(0, %(events)s::integer - 1) s (back)
"""


@contextmanager
def prepared(url: str) -> Iterator[psycopg.Connection]:
    """A connection to work on, with the tables made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLES)
        connection.execute(_PINNED)
        connection.prepare_threshold = 0
        yield connection


def raw_limit(connection: psycopg.Connection, seconds: float, repeat: int, events: int) -> Row:
    """Tasks a second, each transaction holding ``events`` tasks of each of 50 workflows."""
    label = f"raw limit, {BATCH * events} tasks a transaction"
    samples = [_run(connection, seconds, events) for _ in range(repeat)]
    return median_row(label, "tasks/s", samples, is_limit=True)


def _run(connection: psycopg.Connection, seconds: float, events: int) -> float:
    ids: list[str] = [row[0] for row in connection.execute(_FILL, [_WORKFLOWS])]
    batches = [_array(ids[first : first + BATCH]) for first in range(0, len(ids), BATCH)]
    worker = str(uuid4())
    steps = 0
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        seq = (steps // len(batches) + 1) * events
        parameters = {
            "ids": batches[steps % len(batches)],
            "seq": seq,
            "worker": worker,
            "data": _DATA,
            "events": events,
        }
        connection.execute(_STEP, parameters)
        steps += 1
    return steps * BATCH * events / took


def _array(values: Sequence[str]) -> str:
    return "{" + ",".join(values) + "}"
