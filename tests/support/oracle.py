"""The oracle: what has to hold of every database at rest, whatever went wrong on the way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import psycopg

from pgworker.engine.events import Event
from pgworker.engine.evolve import replay
from pgworker.store.snapshots import digest, restore
from tests.support.lease_audit import stale_results
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
    """
    found: list[str] = []
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('search_path', quote_ident(%s), true)", [schema])
        for what, query in _NUMBERS.items():
            found += [f"{what}: {workflow_id} {detail}" for workflow_id, detail in connection.execute(query)]
        # from here on what was undone when a failed workflow was retried is passed over
        connection.execute(
            "create temporary view events as select * from standing_events("
            "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
        )
        for what, query in (_CHECKS | LINKS).items():
            found += [f"{what}: {workflow_id} {detail}" for workflow_id, detail in connection.execute(query)]
        # what `pgworker verify` asks, beside what this asks on its own: each is held against the other
        for what, workflow_id, detail in connection.execute("select * from check_workflows()"):
            found.append(f"verify: {what}: {workflow_id} {detail}")
        connection.execute("drop view pg_temp.events")
        histories = _histories(connection)
        found += _against_replay(connection, histories)
        found += _snapshots_against_replay(connection, histories)
        found += stale_results(connection)
    if effects is not None:
        found += _against_ledger(histories, list(effects), kills, given_back)
    return found


def _histories(connection: psycopg.Connection) -> dict[str, list[Event]]:
    histories: dict[str, list[Event]] = defaultdict(list)
    for workflow_id, *event in connection.execute(
        "select workflow_id::text, seq, type, task, data, occurred_at from events order by workflow_id, seq"
    ):
        histories[workflow_id].append(Event(*event))
    return histories


def _against_replay(connection: psycopg.Connection, histories: dict[str, list[Event]]) -> list[str]:
    """The workflows whose rows are not what their histories amount to."""
    found: list[str] = []
    rows = connection.execute(
        "select id::text, case when started_at is null and status = 'PENDING' then 'RUNNING' else status end,"
        " input, output, error from workflows"
    )
    for workflow_id, *row in rows:
        try:
            state = replay(histories.get(workflow_id, []))
        except (KeyError, TypeError, ValueError) as error:
            found.append(f"the history cannot be replayed: {workflow_id} {error!r}")
            continue
        for name, stored, folded in zip(
            ("status", "input", "output", "error"),
            row,
            (state.status.value, state.input, state.output, state.error),
            strict=True,
        ):
            if stored != folded:
                found.append(
                    f"replay gives another {name}: {workflow_id} has {stored!r}, replay gives {folded!r}"
                )
    return found


def _snapshots_against_replay(connection: psycopg.Connection, histories: dict[str, list[Event]]) -> list[str]:
    """The snapshots that are not what their part of the history amounts to."""
    found: list[str] = []
    for workflow_id, seq, state, stored in connection.execute(
        "select workflow_id::text, seq, state, digest from snapshots"
    ):
        try:
            folded = digest(replay(event for event in histories[workflow_id] if event.seq <= seq))
        except (KeyError, TypeError, ValueError):
            continue  # this is told of the history as such
        if not stored == folded == digest(restore(state)):
            found.append(f"replay gives another state than the snapshot: {workflow_id} at {seq}")
    return found


def _against_ledger(
    histories: dict[str, list[Event]], ledger: list[Effect], kills: int, given_back: int
) -> list[str]:
    """What history says of the outside world, against what happened there."""
    found: list[str] = []
    by_key: dict[str, set[int]] = defaultdict(set)
    keys_of: dict[str, set[str]] = defaultdict(set)
    for effect in ledger:
        by_key[effect.key].add(effect.effect)
        if effect.activity:
            keys_of[effect.activity].add(effect.key)
    scheduled: set[str] = set()
    for workflow_id, events in histories.items():
        results = {
            event.data["start"]: event
            for event in events
            if event.type in ("task.completed", "task.failed") and "start" in event.data
        }
        for event in events:
            if event.type == "task.started" and "activity" in event.data:
                key = f"{workflow_id}:{event.seq}"
                scheduled.add(key)
                found += _against_effects(
                    key, results.get(event.seq), by_key.get(key, set()), kills, given_back
                )
    found += [
        f"a call came with a key that history does not know: {key!r}" for key in by_key.keys() - scheduled
    ]
    found += [
        f"an activity came under several keys: {activity} {keys}"
        for activity, keys in keys_of.items()
        if len(keys) > 1
    ]
    return found


def _against_effects(
    key: str, result: Event | None, effects: set[int], kills: int, given_back: int
) -> list[str]:
    found: list[str] = []
    if len(effects) > 1 + kills:
        found.append(f"{len(effects)} effects of one activity, with {kills} kills: {key}")
    if result is None:
        return found
    attempts = int(result.data.get("attempt", 1))
    if len(effects) > attempts + given_back:
        found.append(f"{len(effects)} effects of one activity in {attempts} attempts: {key}")
    if result.type == "task.completed":
        if not effects:
            found.append(f"a result without an effect: {key}")
        claimed = _effect_in(result.data)
        if claimed is not None and claimed not in effects:
            found.append(f"a result that did not happen: {key} says {claimed}, the ledger {sorted(effects)}")
    return found


def _effect_in(data: dict[str, Any]) -> int | None:
    value = data.get("result", data.get("output"))
    if isinstance(value, dict) and isinstance(value.get("content"), dict):
        value = value["content"]
    effect = value.get("effect") if isinstance(value, dict) else None
    return effect if isinstance(effect, int) else None


def attempts(connection: psycopg.Connection) -> Counter[int]:
    """How many activities took how many attempts."""
    return Counter(
        attempt
        for (attempt,) in connection.execute(
            "select (data ->> 'attempt')::integer from pgworker.events where data ? 'attempt'"
        )
    )
