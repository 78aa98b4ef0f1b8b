"""The oracle: what has to hold of every database at rest, whatever went wrong on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import LiteralString

import psycopg

from pgworker.engine.events import Event, lacking
from pgworker.engine.evolve import replay
from pgworker.store.snapshots import digest, restore
from tests.support.lease_audit import stale_results
from tests.support.ledger import Ledger
from tests.support.oracle_links import LINKS
from tests.support.stub import Effect

_ENDED = "('COMPLETED', 'FAILED', 'CANCELLED')"
_TERMINAL = "('workflow.completed', 'workflow.failed', 'workflow.cancelled')"

_NUMBERS = {
    "the numbers are not 1..n, or last_seq is not n": """
        select w.id, format('last_seq %s; %s events from %s to %s', w.last_seq, count(e.seq),
                            min(e.seq), max(e.seq))
        from workflows w left join events e on e.workflow_id = w.id
        group by w.id, w.last_seq
        having count(e.seq) <> w.last_seq or min(e.seq) is distinct from 1
            or max(e.seq) is distinct from w.last_seq""",
    "events belong to no workflow": """
        select distinct e.workflow_id, '' from events e
        where not exists (select from workflows w where w.id = e.workflow_id)""",
    "the history does not begin with the one workflow.started": """
        select workflow_id, format('workflow.started at %s', array_agg(seq)) from events
        where type = 'workflow.started' group by workflow_id having array_agg(seq) <> '{1}'
        union all
        select w.id, 'none' from workflows w
        where not exists (select from events e where e.workflow_id = w.id and e.type = 'workflow.started')""",
}

_CHECKS = {
    "an activation has more than one result": """
        select workflow_id, format('start %s: results %s', data ->> 'start', array_agg(seq order by seq))
        from events
        where type in ('task.completed', 'task.failed') and data ? 'start'
        group by workflow_id, data ->> 'start' having count(*) > 1""",
    "a result has no start before it": """
        select r.workflow_id, format('%s at %s', r.type, r.seq) from events r
        where r.type in ('task.completed', 'task.failed') and r.data ? 'start'
          and not exists (select from events s
                          where s.workflow_id = r.workflow_id and s.seq < r.seq and s.type = 'task.started'
                            and s.seq = (r.data ->> 'start')::bigint
                            and s.task is not distinct from r.task)""",
    "a timer fired twice, or was never set": """
        select f.workflow_id, format('timer %s fired at %s', f.data ->> 'timer', array_agg(f.seq))
        from events f
        left join events s on s.workflow_id = f.workflow_id and s.seq = (f.data ->> 'timer')::bigint
             and s.type in ('timer.set', 'task.retried') and s.data ? 'due_at' and s.seq < f.seq
        where f.type = 'timer.fired'
        group by f.workflow_id, f.data ->> 'timer', s.seq having count(*) > 1 or s.seq is null""",
    "a timer fired early": """
        select f.workflow_id, format('at %s', f.seq) from events f
        join events s on s.workflow_id = f.workflow_id and s.seq = (f.data ->> 'timer')::bigint
        where f.type = 'timer.fired' and f.occurred_at < (s.data ->> 'due_at')::timestamptz""",
    "there are not as many terminal events as the status says": f"""
        select w.id, format('%s with %s', w.status,
                            coalesce(array_agg(e.type) filter (where e.seq is not null), '{{}}'))
        from workflows w left join events e on e.workflow_id = w.id and e.type in {_TERMINAL}
        group by w.id, w.status
        having array_agg(e.type) filter (where e.seq is not null) is distinct from
               case when w.status in {_ENDED} then array['workflow.' || lower(w.status)] end""",
    "something follows the terminal event": f"""
        select e.workflow_id, format('%s at %s', e.type, e.seq) from events e
        join events t on t.workflow_id = e.workflow_id and t.type in {_TERMINAL} and e.seq > t.seq""",
    "an ended workflow has jobs": f"""
        select w.id, format('%s %s at %s', w.status, j.kind, j.seq) from workflows w
        join jobs j on j.workflow_id = w.id where w.status in {_ENDED}""",
    "a job belongs to nothing": """
        select j.workflow_id, j.kind from jobs j
        where not case j.kind
            when 'correlate' then exists (select from cloud_events e where e.id = j.workflow_id)
            when 'schedule' then exists (select from schedules s where s.id = j.workflow_id)
            else exists (select from workflows w where w.id = j.workflow_id) end""",
    "a live workflow has no job, listens to nobody and waits for no child: nothing will ever move it": f"""
        select w.id, w.status from workflows w
        where w.status not in {_ENDED} and w.status <> 'PAUSED'
          and not exists (select from jobs j where j.workflow_id = w.id)
          and not exists (select from subscriptions s where s.workflow_id = w.id)
          and not exists (select from workflows c where c.parent_id = w.id and c.parent_waits
                            and c.status not in {_ENDED})""",
    "an activity that runs has no job": f"""
        select s.workflow_id, format('%s at %s', s.task, s.seq) from events s
        join workflows w on w.id = s.workflow_id and w.status not in {_ENDED}
        where s.type = 'task.started' and s.data ? 'activity'
          and not exists (select from events r where r.workflow_id = s.workflow_id and r.seq > s.seq
                            and r.type in ('task.completed', 'task.failed')
                            and r.data ->> 'start' = s.seq::text)
          and not exists (select from jobs j where j.workflow_id = s.workflow_id and j.seq = s.seq
                            and j.kind in ('perform', 'held perform'))""",
    "a timer that is set has no job": f"""
        select s.workflow_id, format('at %s', s.seq) from events s
        join workflows w on w.id = s.workflow_id and w.status not in {_ENDED}
        where s.type in ('timer.set', 'task.retried') and s.data ? 'due_at'
          and not exists (select from events v
                          where v.workflow_id = s.workflow_id and v.data -> 'ends_jobs' @> to_jsonb(s.seq))
          and not exists (select from events f where f.workflow_id = s.workflow_id and f.seq > s.seq
                            and f.type = 'timer.fired' and f.data ->> 'timer' = s.seq::text)
          and not exists (select from jobs j where j.workflow_id = s.workflow_id and j.seq = s.seq
                            and j.kind in ('decide', 'held decide'))""",
    "a job was scheduled by nothing that is still open": """
        select j.workflow_id, format('%s at %s', j.kind, j.seq) from jobs j
        left join events s on s.workflow_id = j.workflow_id and s.seq = j.seq
        where j.seq > 0
          and (coalesce(s.type, '') <> all (case right(j.kind, 7) when 'perform' then '{task.started}'::text[]
                                     else '{timer.set,task.retried}' end)
                   and not exists (select from events c where c.workflow_id = j.workflow_id
                                     and c.type = 'child.started' and c.data ->> 'start' = j.seq::text)
               or exists (select from events r where r.workflow_id = j.workflow_id and r.seq > j.seq
                            and (r.type in ('task.completed', 'task.failed')
                                     and r.data ->> 'start' = j.seq::text
                                 or r.type = 'timer.fired' and r.data ->> 'timer' = j.seq::text)))""",
    "a worker is believed to know more than there is": """
        select id, format('folded_seq %s of %s', folded_seq, last_seq) from workflows
        where folded_seq > last_seq""",
}


_EVERYTHING = "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'"
_STANDING: tuple[LiteralString, ...] = (
    f"create temporary table events as select * from standing_events({_EVERYTHING})",
    "create index on pg_temp.events (workflow_id, seq)",
    "analyze pg_temp.events",
)
_STRETCHES = """
    select coalesce(lag(last) over (order by last), '00000000-0000-0000-0000-000000000000'), last
    from (select id as last from (select id, row_number() over (order by id) as n from workflows) w
          where n % 500 = 0
          union all select 'ffffffff-ffff-ffff-ffff-ffffffffffff') bounds
"""
"""Five hundred workflows at a time; who stands at a bound is looked at twice."""

_ROWS = """
    select id::text, case when started_at is null and status = 'PENDING' then 'RUNNING' else status end,
           input, output, error
    from workflows
"""
_HISTORIES = """
    select w.id::text, e.seq, e.type, e.task, e.data, e.occurred_at
    from workflows w left join events e on e.workflow_id = w.id
    order by w.id, e.seq
"""


def violations(
    connection: psycopg.Connection,
    effects: Iterable[Effect] | None = None,
    kills: int = 0,
    given_back: int = 0,
    schema: str = "pgworker",
) -> list[str]:
    """Everything that is wrong, one line each; no line if the database is as it has to be.

    ``effects`` is the stub's ledger, checked if it is given; ``kills`` says how often workers (or the
    server under them) were killed or frozen, ``given_back`` how often activities were given back.
    One history is in memory at a time, so that millions of events can be looked at.
    """
    ledger = None if effects is None else Ledger(effects, kills, given_back)
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('search_path', quote_ident(%s), true)", [schema])
        found = _told(connection, _NUMBERS)
        # what was undone when a failed workflow was retried is passed over
        for statement in _STANDING:
            connection.execute(statement)
        found += _told(connection, _CHECKS | LINKS)
        connection.execute("drop table pg_temp.events")
        found += _told_by_verify(connection)
        found += stale_results(connection)
        rows, snapshots = _rows(connection), _snapshots(connection)
        for workflow_id, history in _histories(connection):
            found += _against_replay(workflow_id, history, rows[workflow_id])
            if workflow_id in snapshots:
                found += _snapshot_against_replay(workflow_id, history, snapshots[workflow_id])
            if ledger is not None:
                found += ledger.against(workflow_id, history)
    return found if ledger is None else found + ledger.left_over()


def _told(connection: psycopg.Connection, checks: Mapping[str, str]) -> list[str]:
    return [
        f"{what}: {workflow_id} {detail}"
        for what, query in checks.items()
        for workflow_id, detail in connection.execute(query)
    ]


def _told_by_verify(connection: psycopg.Connection) -> list[str]:
    """What `pgworker verify` asks, beside what this asks on its own: each is held against the other."""
    shared = connection.execute("select * from check_database()").fetchall()
    return [f"verify: {what}: {workflow_id} {detail}" for what, workflow_id, detail in shared] + [
        f"verify: {what}: {workflow_id} {detail}"
        for first, last in connection.execute(_STRETCHES).fetchall()
        for what, workflow_id, detail in connection.execute(
            "select * from check_workflows(%s, %s)", [first, last]
        )
    ]


def _rows(connection: psycopg.Connection) -> dict[str, tuple[object, ...]]:
    return {workflow_id: tuple(row) for workflow_id, *row in connection.execute(_ROWS)}


def _snapshots(connection: psycopg.Connection) -> dict[str, tuple[int, bytes, str]]:
    rows = connection.execute("select workflow_id::text, seq, state, digest from snapshots")
    return {workflow_id: (seq, state, stored) for workflow_id, seq, state, stored in rows}


def _histories(connection: psycopg.Connection) -> Iterator[tuple[str, list[Event]]]:
    """Each workflow's history, one after the other."""
    with connection.cursor(name="histories") as cursor:
        cursor.itersize = 5000
        cursor.execute(_HISTORIES)
        for workflow_id, rows in groupby(cursor, key=itemgetter(0)):
            yield workflow_id, [Event(*event) for _, *event in rows if event[0] is not None]


def _against_replay(workflow_id: str, history: list[Event], row: tuple[object, ...]) -> list[str]:
    """What the workflow's row has that its history does not amount to."""
    try:
        state = replay(history)
    except (KeyError, TypeError, ValueError) as error:
        return [f"the history cannot be replayed: {workflow_id} {error!r}"]
    if lacks := [f"{event.type} at {event.seq}" for event in history if lacking(event)]:
        return [f"events lack what those of their types have: {workflow_id} {lacks}"]
    folded = (state.status.value, state.input, state.output, state.error)
    return [
        f"replay gives another {name}: {workflow_id} has {stored!r}, replay gives {again!r}"
        for name, stored, again in zip(("status", "input", "output", "error"), row, folded, strict=True)
        if stored != again
    ]


def _snapshot_against_replay(
    workflow_id: str, history: list[Event], snapshot: tuple[int, bytes, str]
) -> list[str]:
    """Whether the snapshot is what its part of the history amounts to."""
    seq, state, stored = snapshot
    try:
        folded = digest(replay(event for event in history if event.seq <= seq))
    except (KeyError, TypeError, ValueError):
        return []  # this is told of the history as such
    if stored == folded == digest(restore(state)):
        return []
    return [f"replay gives another state than the snapshot: {workflow_id} at {seq}"]


def attempts(connection: psycopg.Connection) -> Counter[int]:
    """How many activities took how many attempts."""
    return Counter(
        attempt
        for (attempt,) in connection.execute(
            "select (data ->> 'attempt')::integer from pgworker.events where data ? 'attempt'"
        )
    )
