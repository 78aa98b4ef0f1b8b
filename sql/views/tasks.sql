create view tasks with (security_barrier) as
select w.id as workflow_id,
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
-- after the others, once for each workflow, whatever the planner knows of it
cross join lateral (
    select h.* from history h
    where h.workflow_id = w.id
      and h.type in ('task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
      and was_undone(u.ranges, (h.data ->> 'start')::bigint, h.seq) is not true
    offset 0) h
left join lateral (
    select o.data from events o
    where o.workflow_id = h.workflow_id and o.seq = (h.data ->> 'start')::bigint and h.type = 'task.cancelled'
    limit 1) s on true
union all
select w.id as workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', ''),
       case when w.status in ('COMPLETED', 'FAILED', 'CANCELLED') or a.at is not null then 'CANCELLED'
            when j.kind = 'perform' and j.lease_token is null then 'SCHEDULED'
            else 'RUNNING' end,
       greatest(j.attempt, (h.data ->> 'retry')::integer, 1),
       h.iteration,
       h.seq,
       h.occurred_at,
       coalesce(a.at, w.ended_at),
       h.input,
       null,
       null
from workflows w
cross join lateral (select undone(w.id) as ranges limit 1) u
cross join lateral open_tasks(w.id) o (seq)
cross join lateral (
    select h.* from history h where h.workflow_id = w.id and h.seq = o.seq offset 0) h
left join lateral (
    -- a retry went back before it, and whatever ended its workflow did not end it
    select e.occurred_at as at from unnest(u.ranges) r (events)
    join events e on e.workflow_id = w.id and e.seq = upper(r.events)
    where o.seq <@ r.events order by e.seq limit 1) a on true
left join jobs j on j.workflow_id = h.workflow_id and j.seq = h.seq;

comment on view tasks is 'One row for each time that a task ran, is running or was skipped.';
comment on column tasks.workflow_id is 'The workflow.';
comment on column tasks.task is 'JSON Pointer of the task in the document.';
comment on column tasks.name is 'Its name.';
comment on column tasks.kind is 'Its kind, such as call, set or for.';
comment on column tasks.status is 'SCHEDULED (it waits for a worker), RUNNING, COMPLETED, FAILED, SKIPPED or CANCELLED.';
comment on column tasks.attempt is 'Which attempt it is, of the activity or of the innermost try around it.';
comment on column tasks.iteration is 'Index of the iteration of the innermost loop that it ran in, from 0.';
comment on column tasks.seq is 'The event with which it began.';
comment on column tasks.started_at is 'When it began.';
comment on column tasks.ended_at is 'When it ended.';
comment on column tasks.input is 'Its input, after input.from.';
comment on column tasks.output is 'Its output, after output.as.';
comment on column tasks.error is 'The problem object that it failed with.';
