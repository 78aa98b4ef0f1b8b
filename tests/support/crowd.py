"""A database that is full of workflows that have ended and of such that wait, made by a few statements.

The rows have the shape, the number and the spread of what the engine writes; nobody is to work on them.
"""

from __future__ import annotations

import psycopg

PRIORITIES = 50

_PARTS = {
    "numbers": """
        create table crowd as select n, pgworker.uuid_by_time() as id from generate_series(1, %(count)s) n""",
    "workflows that have ended": """
        insert into pgworker.workflows (id, namespace, name, version, status, input, output, last_seq,
                                        created_at, started_at, ended_at)
        select id, 'default', 'ended-' || n %% 100, '1.0.0', 'COMPLETED', '{}', '{"greeting": "Hello"}', 3,
               now() - n * interval '1 s', now() - n * interval '1 s', now() - n * interval '1 s'
        from crowd""",
    "their events": """
        insert into pgworker.events (workflow_id, seq, type, task, data)
        select c.id, e.seq, e.type, e.task, e.data
        from crowd c
        cross join (values
            (1, 'workflow.started', null, '{"input": {}}'::jsonb),
            (2, 'task.completed', '/do/0/hello',
             '{"from": 1, "kind": "set", "output": {"greeting": "Hello"}}'),
            (3, 'workflow.completed', null, '{"output_from": 2}')) e (seq, type, task, data)""",
    "timers, one for each": """
        insert into pgworker.jobs (workflow_id, seq, kind, due_at)
        select id, 3, 'decide', now() + interval '1 day' + n * interval '1 s' from crowd""",
    "activities that others perform, one for ten": """
        insert into pgworker.jobs (workflow_id, seq, kind, due_at, lease_token, worker_id, attempt)
        select id, 2, 'perform', now() + interval '1 h' + n * interval '1 ms', gen_random_uuid(), 'other', 1
        from crowd where n %% 10 = 0""",
    "schedules, one for ten": """
        insert into pgworker.schedules (id, namespace, name, version, schedule, next_at)
        select gen_random_uuid(), 'default', 'scheduled-' || n, '1.0.0', '{"every": {"hours": 1}}',
               now() + '1 h'
        from crowd where n %% 10 = 0""",
    "their jobs": """
        insert into pgworker.jobs (workflow_id, seq, kind, due_at)
        select id, 0, 'schedule', next_at from pgworker.schedules""",
    "listeners, one for ten": """
        insert into pgworker.subscriptions (workflow_id, seq, filter, correlation, value, published_from)
        select id, 2, 0, 'known', 'order ' || n, now() - interval '1 h' from crowd where n %% 10 = 0""",
    "what they listen by, and a thousand other ways": """
        insert into pgworker.correlations (id, type, keys, since)
        select case n when 0 then 'known' else 'way ' || n end,
               case n when 0 then 'paid' else 'type ' || n end,
               '[".order"]', now() - interval '1 h'
        from generate_series(0, 1000) n""",
    "CloudEvents, one for ten": """
        insert into pgworker.cloud_events (id, source, event_id, type, data, published_at)
        select id, '/crowd', n::text, 'paid', jsonb_build_object('order', n), now() - interval '1 h'
        from crowd where n %% 10 = 1""",
    "their values": """
        insert into pgworker.correlated_events (correlation, value, position, event_id, published_at)
        select 'known', 'order ' || n, 1000 + n, id, now() - interval '1 h' from crowd where n %% 10 = 1""",
    "what was consumed": """
        insert into pgworker.consumptions (workflow_id, event_id, seq)
        select id, id, 2 from crowd where n %% 10 = 1""",
    "the clock": "update pgworker.event_clock set position = 1000 + %(count)s",
}


def gather(connection: psycopg.Connection, count: int) -> None:
    """Fills the database, and lets the planner know of it."""
    for statement in _PARTS.values():
        connection.execute(statement, {"count": count})
    connection.execute("vacuum analyze")
