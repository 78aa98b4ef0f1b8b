create view waiting with (security_barrier) as
select w.id as workflow_id,
       w.name,
       l.for_what as waits_for,
       l.task,
       l.since,
       l.until,
       l.detail
from workflows w
cross join lateral (
    select 'resume' as for_what, null as task, e.occurred_at as since, null::timestamptz as until,
           e.data ->> 'reason' as detail
    from (select a.* from events a
          where w.status = 'PAUSED' and a.workflow_id = w.id and a.type = 'workflow.paused'
          order by a.seq desc limit 1) e
    union all
    select case when j.kind = 'perform' and j.lease_token is null then 'worker'
                when j.kind = 'perform' then 'activity'
                when e.data ->> 'purpose' in ('timeout', 'attempt') then 'timeout'
                when e.type = 'task.retried' then 'retry'
                when e.type = 'timer.set' then 'timer'
                when e.seq is null and j.due_at > now() then 'start'
                else 'turn' end,
           e.task, j.created_at, case when j.due_at > now() then j.due_at end,
           case when j.lease_token is not null
                then format('attempt %s, performed by %s', j.attempt, j.worker_id) end
    from jobs j
    left join events e on e.workflow_id = j.workflow_id and e.seq = j.seq
    where j.workflow_id = w.id and j.kind in ('decide', 'perform')
    union all
    select 'event', e.task, e.occurred_at, null,
           (select string_agg(coalesce(c.type, 'any event')
                              || coalesce(' with ' || nullif(e.data -> 'expected' ->> u.filter, '{}'), ''),
                              ', ' order by u.filter)
            from subscriptions u left join correlations c on c.id = u.correlation
            where u.workflow_id = w.id and u.seq = s.seq)
    from (select distinct u.seq from subscriptions u where u.workflow_id = w.id) s
    cross join lateral (
        select l.* from events l
        where l.workflow_id = w.id and l.seq > s.seq and l.type = 'listen.started' and l.data -> 'start' = to_jsonb(s.seq)
        order by l.seq limit 1) e
    union all
    select 'workflow', e.task, c.created_at, null, format('%s %s is %s', c.name, c.id, c.status)
    from workflows c
    join events e on e.workflow_id = c.parent_id and e.seq = c.parent_seq
    where c.parent_id = w.id and c.parent_waits and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
) l
where w.status in ('PENDING', 'RUNNING', 'PAUSED');

comment on view waiting is 'What each workflow that has not ended waits for: one row for each thing.';
comment on column waiting.workflow_id is 'The workflow.';
comment on column waiting.name is 'Name of its definition.';
comment on column waiting.waits_for is 'start (it was put off), turn (a worker to decide), worker (one to perform an activity), activity (its result), timer, retry, timeout (of what it does beside that), event, workflow (that it started), resume.';
comment on column waiting.task is 'JSON Pointer of the task that waits.';
comment on column waiting.since is 'Since when.';
comment on column waiting.until is 'Until when, where that is known; for an activity, the end of its lease.';
comment on column waiting.detail is 'More about it: the type and keys of an event, who performs an activity, which workflow.';
