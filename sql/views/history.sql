create view history with (security_barrier) as
with e as (
    -- what the engine did not write may hold anything: only its own events have references in them
    select workflow_id, seq, occurred_at, type, task, data, actor,
           case when type ~ '^(task|iteration|workflow|input)\.' then data else '{}' end as refs
    from events)
select e.workflow_id,
       e.seq,
       e.occurred_at,
       e.occurred_at - f.occurred_at as elapsed,
       e.type,
       task_name(e.task)             as name,
       e.task,
       coalesce(e.refs ->> 'iteration', s.data ->> 'iteration', case when e.type = 'iteration.started' then e.refs ->> 'index' end)::integer
           as iteration,
       e.occurred_at - s.occurred_at as duration,
       e.actor,
       case when e.type in ('workflow.started', 'child.started') then e.data -> 'input'
            when e.type in ('task.started', 'task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
            then coalesce(e.data -> 'input', event_value(e.workflow_id, (e.refs ->> 'from')::bigint),
                          s.data -> 'input', event_value(e.workflow_id, (s.data ->> 'from')::bigint))
       end as input,
       case when e.type in ('task.completed', 'workflow.completed', 'input.transformed')
            then coalesce(e.data -> 'output',
                          event_value(e.workflow_id, (e.refs ->> 'output_from')::bigint),
                          event_value(e.workflow_id, (e.refs ->> 'from')::bigint),
                          event_value(e.workflow_id, (s.data ->> 'from')::bigint))
            when e.type = 'event.received' then e.data -> 'cloud_event'
            when e.type = 'iteration.completed' then e.data -> 'output'
            when e.type = 'task.skipped'
            then event_value(e.workflow_id, (e.refs ->> 'from')::bigint)
       end as output,
       case when e.type ~ '^(workflow|task|error|branch|extension)\.' then e.data -> 'error' end as error,
       e.data
from e
-- each looked up by its key, however many events the planner thinks that there are
left join lateral (
    select o.occurred_at from events o where o.workflow_id = e.workflow_id and o.seq = 1 limit 1) f on true
left join lateral (
    select o.occurred_at, o.data from events o
    where o.workflow_id = e.workflow_id and o.seq = (e.refs ->> 'start')::bigint
      and e.type in ('task.completed', 'task.failed', 'task.cancelled')
    limit 1) s on true;

comment on view history is 'The events made readable: how long after the start, how long the task took, and the values that went in and came out.';
comment on column history.workflow_id is 'The workflow.';
comment on column history.seq is 'Position in its history.';
comment on column history.occurred_at is 'When it happened.';
comment on column history.elapsed is 'How long after the start.';
comment on column history.type is 'What happened, such as task.completed.';
comment on column history.name is 'Name of the task that it happened to.';
comment on column history.task is 'JSON Pointer of that task in the document.';
comment on column history.iteration is 'Index of the iteration of the innermost loop, from 0.';
comment on column history.duration is 'How long the task took that ended with it.';
comment on column history.actor is 'Who: the worker''s id, or the database user.';
comment on column history.input is 'What went into the task, or into the workflow.';
comment on column history.output is 'What came out.';
comment on column history.error is 'The problem object of what failed.';
comment on column history.data is 'The event''s own data.';
