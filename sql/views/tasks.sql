create view tasks with (security_barrier) as
select h.workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', '') as kind,
       case h.type when 'task.completed' then 'COMPLETED' when 'task.failed' then 'FAILED'
                   when 'task.cancelled' then 'CANCELLED' else 'SKIPPED' end as status,
       greatest((h.data ->> 'attempt')::integer, (h.data ->> 'retry')::integer, (s.data ->> 'retry')::integer, 1)
           as attempt,
       h.iteration,
       coalesce((h.data ->> 'start')::bigint, h.seq) as seq,
       coalesce(h.occurred_at - h.duration, h.occurred_at) as started_at,
       h.occurred_at as ended_at,
       h.input,
       h.output,
       h.error
from workflows w
cross join lateral (select undone(w.id) as ranges limit 1) u
join history h on h.workflow_id = w.id
left join lateral (
    select o.data from events o
    where o.workflow_id = h.workflow_id and o.seq = (h.data ->> 'start')::bigint and h.type = 'task.cancelled'
    limit 1) s on true
where h.type in ('task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
  and (u.ranges is null or not was_undone(u.ranges, (h.data ->> 'start')::bigint, h.seq))
union all
select h.workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', ''),
       case when w.status in ('COMPLETED', 'FAILED', 'CANCELLED') then 'CANCELLED'
            when j.kind = 'perform' and j.lease_token is null then 'SCHEDULED'
            else 'RUNNING' end,
       greatest(j.attempt, (h.data ->> 'retry')::integer, 1),
       h.iteration,
       h.seq,
       h.occurred_at,
       w.ended_at,
       h.input,
       null,
       null
from workflows w
cross join lateral (select undone(w.id) as ranges limit 1) u
join history h on h.workflow_id = w.id
left join jobs j on j.workflow_id = h.workflow_id and j.seq = h.seq
where h.type = 'task.started'
  and not exists (select from events e
                  where e.workflow_id = h.workflow_id and e.seq > h.seq
                    and e.type in ('task.completed', 'task.failed', 'task.cancelled')
                    and e.data -> 'start' = to_jsonb(h.seq)
                    and (u.ranges is null or not was_undone(u.ranges, h.seq, e.seq)));

comment on view tasks is 'One row for each time that a task ran, is running or was skipped.';
