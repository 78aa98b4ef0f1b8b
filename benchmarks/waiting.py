"""Latency: how soon an idle system answers, and how punctual its timers are."""

from __future__ import annotations

import time

from psycopg.types.json import Jsonb

from benchmarks.load import Load
from benchmarks.report import Row, percentiles
from pgworker.types import JsonObject

PAUSE_SECONDS = 0.08
"""Between two workflows: long enough for the worker to look a second time and fall asleep."""

_LOOK_SECONDS = 0.0003
_LIMIT_SECONDS = 10.0


def idle_latency(load: Load, name: str, given: JsonObject, count: int) -> list[float]:
    """Seconds from each start's commit to COMPLETED, one workflow at a time, as another client sees it."""
    return [_one(load, name, given) for _ in range(count)]


def _one(load: Load, name: str, given: JsonObject) -> float:
    time.sleep(PAUSE_SECONDS)
    cursor = load.connection.execute("select pgworker.start_workflow(%s, %s)", [name, Jsonb(given)])
    committed = time.perf_counter()
    (workflow_id,) = cursor.fetchone() or (None,)
    status = None
    while (took := time.perf_counter() - committed) < _LIMIT_SECONDS:
        cursor = load.connection.execute("select status from pgworker.workflows where id = %s", [workflow_id])
        (status,) = cursor.fetchone() or (None,)
        if status == "COMPLETED":
            return time.perf_counter() - committed
        time.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"a workflow was {status} after {took:.0f} s")


def silence(load: Load) -> Row:
    """How long ago an idle worker's last query was, after a second in which there was nothing to do."""
    time.sleep(1)
    (seconds,) = load.connection.execute(_LAST_QUERY).fetchone() or (0.0,)
    return Row("idle worker, since its last query", seconds * 1000, "ms", "of 1,000 and more it had")


def timers(load: Load, count: int, lead: float) -> list[Row]:
    """Lets so many timers become due within one second that begins in ``lead`` seconds."""
    at = time.time() + lead
    load.connection.execute(
        "select count(pgworker.start_workflow('wait', jsonb_build_object('at', %s::float8 + n::float8 / %s)))"
        " from generate_series(1, %s) n",
        [at, count, count],
    )
    while time.time() < at:
        pending = load.connection.execute(
            "select count(*) from pgworker.workflows where name = 'wait' and status = 'PENDING'"
        ).fetchone()
        if pending == (0,):
            break
        time.sleep(0.2)
    else:
        raise TimeoutError(f"{count} timers could not be set within {lead} s")
    time.sleep(max(at - time.time(), 0))
    load.finish()
    after = time.time() - at - 1
    lateness = [row[0] for row in load.connection.execute(_LATENESS)]
    if len(lateness) != count:
        raise RuntimeError(f"{len(lateness)} of {count} timers fired")
    early = sum(1 for seconds in lateness if seconds < 0)
    note = f"{count} due in one second"
    return [
        *percentiles("timers' lateness", lateness, note),
        Row("timers that fired early", early, "timers", note),
        Row("all timers' workflows done after the last was due", after * 1000, "ms", note),
    ]


_LAST_QUERY = """
select extract(epoch from clock_timestamp() - max(query_start))::float8 from pg_stat_activity
where datname = current_database() and application_name = 'pgworker wheel'
"""

_LATENESS = """
select extract(epoch from fired.occurred_at - (timer.data ->> 'due_at')::timestamptz)::float8
from pgworker.workflows w
join pgworker.events timer on timer.workflow_id = w.id and timer.type = 'timer.set'
join pgworker.events fired on fired.workflow_id = w.id and fired.type = 'timer.fired'
where w.name = 'wait'
"""
