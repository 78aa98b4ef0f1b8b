create view lifecycle_events with (security_barrier) as
select c.workflow_id, c.seq, c.position, c.id, c.source, c.type, c.subject, c.time, c.data,
       jsonb_build_object('specversion', '1.0', 'id', c.id, 'source', c.source, 'type', c.type,
                          'subject', c.subject, 'time', c.moment, 'data', c.data) as cloud_event
from (
    select t.workflow_id,
           t.seq,
           t.position,
           concat_ws(':', t.workflow_id, t.seq, t.kind, t.start) as id,
           format('/%s/%s/%s', w.namespace, w.name, w.version) as source,
           'io.serverlessworkflow.' || t.kind || '.v1' as type,
           t.workflow_id || case when t.kind like 'task.%' then t.task else '' end as subject,
           t.time,
           m.moment,
           case when t.kind like 'task.%' then jsonb_build_object('workflow', m.name, 'task', t.task)
                else jsonb_build_object('name', m.name) end
               -- createdAt, startedAt, suspendedAt and so on; correlation-started has startedAt too
               || jsonb_build_object(substring(t.kind from '[a-z]+$') || 'At', m.moment)
               || case when t.kind = 'workflow.started'
                       then jsonb_build_object('definition', jsonb_build_object(
                                'name', w.name, 'namespace', w.namespace, 'version', w.version))
                       when t.kind like '%.faulted' then jsonb_build_object('error', t.told -> 'error')
                       when t.kind like '%.completed'
                       then jsonb_build_object('outputUri', format('/workflows/%s/events/%s', t.workflow_id, t.seq))
                       when t.kind = 'workflow.correlation-completed' and t.told -> 'correlation' <> '{}'
                       then jsonb_build_object('correlationKeys', t.told -> 'correlation')
                       else '{}' end as data
    from (
        -- A task that starts and ends in one turn is one event of history, and still was created and has started.
        -- A skipped task was created and no more: it was initiated, but `if` decided that it is not run, so it
        -- neither started nor completed, nor was an execution of it terminated, which is what cancelled means.
        select e.workflow_id, e.seq, e.occurred_at as time, e.task, e.data as told, null::bigint as start,
               k.kind, k.position
        from events e
        cross join lateral (
            values ('task.created', 1::bigint, e.type in ('task.started', 'task.skipped')
                                               or e.type in ('task.completed', 'task.failed') and not e.data ? 'start'),
                   ('task.started', 2, e.type = 'task.started'
                                       or e.type in ('task.completed', 'task.failed') and not e.data ? 'start'),
                   ('task.retried', 3, e.type = 'task.retried'),
                   ('task.cancelled', 3, e.type = 'task.cancelled'),
                   ('task.faulted', 3, e.type = 'task.failed'),
                   ('task.completed', 3, e.type = 'task.completed'),
                   ('workflow.correlation-started', 3, e.type = 'listen.started'),
                   ('workflow.correlation-completed', 3, e.type = 'listen.completed'),
                   ('workflow.started', 0, case when e.type = 'workflow.started'
                        then coalesce((e.data ->> 'start_at')::timestamptz <= e.occurred_at, true) end),
                   ('workflow.suspended', e.seq, e.type = 'workflow.paused'),
                   ('workflow.resumed', e.seq, e.type = 'workflow.resumed'),
                   ('workflow.cancelled', e.seq, e.type = 'workflow.cancelled'),
                   ('workflow.faulted', e.seq, e.type = 'workflow.failed'),
                   ('workflow.completed', e.seq, e.type = 'workflow.completed')
        ) as k (kind, position, applies)
        where k.applies
        union all
        -- A workflow that was put off starts with the first event that the engine writes.
        select e.workflow_id, f.seq, f.occurred_at, null, null, null, 'workflow.started', 0
        from events e
        cross join lateral (
            select a.seq, a.occurred_at
            from events a
            where a.workflow_id = e.workflow_id
              and a.type ~ '^((task|timer|iteration|input|error|listen|child|branch)\.|workflow\.(failed|completed)$)'
            order by a.seq
            limit 1
        ) as f
        where e.seq = 1 and case when e.type = 'workflow.started'
                                 then (e.data ->> 'start_at')::timestamptz > e.occurred_at end
        union all
        -- What befalls a whole workflow befalls the tasks that are running in it: inner ones stop before outer
        -- ones and before the workflow, and go on after it. They are found in one pass over what was before,
        -- whatever the planner believes: a join of starts with ends takes a minute where statistics are missing.
        select e.workflow_id, e.seq, e.occurred_at, r.task, null, r.start,
               case e.type when 'workflow.paused' then 'task.suspended' when 'workflow.resumed' then 'task.resumed'
                           else 'task.cancelled' end,
               case e.type when 'workflow.resumed' then e.seq + r.start else e.seq - r.start end
        from events e
        cross join lateral (
            -- what started while the workflow was paused was not suspended with it
            select case when e.type <> 'workflow.resumed' then e.seq
                        else (select max(p.seq) from events p
                              where p.workflow_id = e.workflow_id and p.seq < e.seq and p.type = 'workflow.paused')
                   end as seq
        ) as until
        cross join lateral (
            select k.start, min(a.task) as task  -- of those with a start and no end
            from events a
            cross join lateral (
                values (case when a.type = 'task.started' then a.seq
                             when a.type in ('task.completed', 'task.failed', 'task.cancelled')
                             then (a.data ->> 'start')::bigint end)
            ) as k (start)
            where a.workflow_id = e.workflow_id and a.seq < e.seq and k.start < until.seq
            group by k.start
            having bool_and(a.type = 'task.started')
        ) as r
        where e.type in ('workflow.paused', 'workflow.resumed', 'workflow.cancelled', 'workflow.failed',
                         'workflow.completed')
    ) as t
    join workflows w on w.id = t.workflow_id
    cross join lateral (
        values (format('%s-%s.%s', w.name, w.id, w.namespace),
                to_char(t.time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    ) as m (name, moment)
) as c;

comment on view lifecycle_events is 'The lifecycle events of the specification, read off the history: one row a CloudEvent, in the order of seq and position. What a longer history adds comes after what was there.';
comment on column lifecycle_events.workflow_id is 'The workflow.';
comment on column lifecycle_events.seq is 'The event of the history that it tells of.';
comment on column lifecycle_events.position is 'Order among those that tell of the same event.';
comment on column lifecycle_events.id is 'The attribute id: always the same for the same event; tasks that share a workflow''s fate also have the seq of their start in it.';
comment on column lifecycle_events.source is 'The attribute source: /namespace/name/version of the definition.';
comment on column lifecycle_events.type is 'The attribute type, such as io.serverlessworkflow.task.completed.v1.';
comment on column lifecycle_events.subject is 'The attribute subject: the workflow''s id, and the JSON Pointer of the task if it tells of one.';
comment on column lifecycle_events.time is 'The attribute time: when it happened.';
comment on column lifecycle_events.data is 'The data, with the properties that the specification names.';
comment on column lifecycle_events.cloud_event is 'The whole CloudEvent 1.0, in structured mode.';
