create function check_timers(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with told as (
        select e.workflow_id, e.seq as by, 'set' as what, e.seq::numeric as timer, e.occurred_at,
               legible_time(e.data ->> 'due_at') as due_at
        from events e
        where e.workflow_id between p_first and p_last and e.type in ('timer.set', 'task.retried') and e.data ? 'due_at'
        union all
        select e.workflow_id, e.seq, 'fired', case when jsonb_typeof(e.data -> 'timer') = 'number' then (e.data ->> 'timer')::numeric end,
               e.occurred_at, null
        from events e
        where e.workflow_id between p_first and p_last and e.type = 'timer.fired'
        union all
        select e.workflow_id, e.seq, 'void', e.job, null, null from ended_jobs(p_first, p_last) e
    ), timers as (
        -- counted, and not looked for one by one, as a history may be long
        select t.workflow_id, t.timer, min(t.by) filter (where t.what = 'set') as set_at, min(t.due_at) as due_at,
               count(*) filter (where t.what = 'fired') as fired, min(t.by) filter (where t.what = 'fired') as fired_by,
               min(t.occurred_at) filter (where t.what = 'fired') as fired_at,
               array_agg(t.by order by t.by) filter (where t.what = 'fired') as firings,
               bool_or(t.what = 'void') as is_void
        from told t
        group by t.workflow_id, t.timer
    )
    select 'a timer fired that was not set, or more than once', t.workflow_id,
           format('timer %s fired at %s', t.timer, t.firings)
    from timers t
    where t.fired > 1 or t.fired = 1 and (t.set_at is null or t.set_at > t.fired_by)
    union all
    select 'a timer fired early', t.workflow_id, format('at %s', t.fired_by)
    from timers t
    where t.fired > 0 and t.fired_at < t.due_at
    union all
    select 'a timer that is set has no job', t.workflow_id, format('at %s', t.set_at)
    from timers t
    join workflows w on w.id = t.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where t.set_at is not null and t.fired = 0 and not t.is_void
      and not exists (select from jobs j where j.workflow_id = t.workflow_id and j.seq = t.set_at and j.kind in ('decide', 'held decide'))
      and not exists (select from events r where r.workflow_id = t.workflow_id and r.seq > t.set_at
                        and r.type = 'workflow.retried')
$$;

comment on function check_timers(uuid, uuid) is
    'What is wrong with the timers of the workflows between two ids: each fires once and never early, or is void.';
