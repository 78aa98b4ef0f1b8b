create function check_timers(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with set_ as (
        select e.workflow_id, e.seq, (e.data ->> 'due_at')::timestamptz as due_at
        from events e
        where e.workflow_id between p_first and p_last and e.type in ('timer.set', 'task.retried') and e.data ? 'due_at'
    ), fired as (
        select e.workflow_id, e.seq, e.occurred_at, (e.data ->> 'timer')::bigint as timer
        from events e
        where e.workflow_id between p_first and p_last and e.type = 'timer.fired'
    ), void as (
        select e.workflow_id, v.seq::bigint as seq
        from events e
        cross join lateral jsonb_array_elements_text(e.data -> 'ends_jobs') v (seq)
        where e.workflow_id between p_first and p_last and jsonb_typeof(e.data -> 'ends_jobs') = 'array'
          and e.type ~ '^(task|workflow|branch|extension|timer|error|listen|child)\.'
    )
    select 'a timer fired that was not set, or more than once', f.workflow_id,
           format('timer %s fired at %s', f.timer, array_agg(f.seq))
    from fired f
    left join set_ s on s.workflow_id = f.workflow_id and s.seq = f.timer and s.seq < f.seq
    group by f.workflow_id, f.timer, s.seq having count(*) > 1 or s.seq is null
    union all
    select 'a timer fired early', f.workflow_id, format('at %s', f.seq)
    from fired f join set_ s on s.workflow_id = f.workflow_id and s.seq = f.timer
    where f.occurred_at < s.due_at
    union all
    select 'a timer that is set has no job', s.workflow_id, format('at %s', s.seq)
    from set_ s
    join workflows w on w.id = s.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where not exists (select from fired f where f.workflow_id = s.workflow_id and f.timer = s.seq)
      and not exists (select from events r where r.workflow_id = s.workflow_id and r.seq > s.seq
                        and r.type = 'workflow.retried')
      and not exists (select from void v where v.workflow_id = s.workflow_id and v.seq = s.seq)
      and not exists (select from jobs j where j.workflow_id = s.workflow_id and j.seq = s.seq and j.kind in ('decide', 'held decide'))
$$;

comment on function check_timers(uuid, uuid) is
    'What is wrong with the timers of the workflows between two ids: each fires once and never early, or is void.';
