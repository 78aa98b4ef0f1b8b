create function check_jobs(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with live as (
        select w.id, w.status,
               (select coalesce(max(e.seq), 0) from events e
                where e.workflow_id = w.id and e.type = 'workflow.retried') as retried
        from workflows w
        where w.id between p_first and p_last and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    ), queue as (
        select j.* from jobs j where j.workflow_id between p_first and p_last
    ), ended as (
        select e.workflow_id, e.seq as by, case when jsonb_typeof(e.data -> 'start') = 'number' then (e.data ->> 'start')::numeric end as seq
        from live l join events e on e.workflow_id = l.id
        where e.seq > l.retried and e.type in ('task.completed', 'task.failed', 'task.cancelled')
        union all
        select e.workflow_id, e.seq, case when jsonb_typeof(e.data -> 'timer') = 'number' then (e.data ->> 'timer')::numeric end
        from live l join events e on e.workflow_id = l.id
        where e.seq > l.retried and e.type = 'timer.fired'
        union all
        select e.workflow_id, e.seq, e.job
        from live l join ended_jobs(p_first, p_last) e on e.workflow_id = l.id and e.seq > l.retried
    ), open_ as (
        -- what has begun and not ended in the histories of live workflows, and the timers that may still fire;
        -- counted, and not looked for one by one, as a history may be long
        select x.workflow_id, x.seq, bool_or(x.performs) as performs
        from (select e.workflow_id, e.seq::numeric as seq, e.data ? 'activity' as performs, true as begins
              from live l join events e on e.workflow_id = l.id
              where e.seq > l.retried  -- whatever was open before that came to its end with the workflow
                and (e.type = 'task.started' or e.type in ('timer.set', 'task.retried') and e.data ? 'due_at')
              union all
              select n.workflow_id, n.seq, false, false from ended n where n.by > n.seq) x
        group by x.workflow_id, x.seq having bool_and(x.begins)
    ), paired as (
        select coalesce(o.workflow_id, q.workflow_id) as workflow_id, coalesce(o.seq, q.seq)::bigint as seq,
               o.performs, q.kind, o.seq is not null as is_open
        from open_ o
        full join (select q.workflow_id, q.seq::numeric as seq, q.kind
                   from queue q join live l on l.id = q.workflow_id where q.seq > 0) q
             on q.workflow_id = o.workflow_id and q.seq = o.seq
    )
    select 'an ended workflow has a job', q.workflow_id, format('%s: %s at %s', w.status, q.kind, q.seq)
    from queue q join workflows w on w.id = q.workflow_id and w.id not in (select id from live)
    where q.kind in ('decide', 'perform', 'held decide', 'held perform')
      -- What others had to tell it just then, of CloudEvents and children, is dropped by a turn that is still to come,
      -- and so is what somebody took or kept a lease of in the same moment.
      and not (q.kind = 'decide' and (q.seq < 0 or exists (
          select from workflows c where c.parent_id = q.workflow_id and c.parent_seq = q.seq)))
      and not (q.kind = 'perform' and q.lease_token is not null)
    union all
    select 'a job of a workflow that is not paused is held', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q join workflows w on w.id = q.workflow_id and w.status <> 'PAUSED'
    where q.kind like 'held %'
    union all
    select 'a job of a paused workflow is not held', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q
    join workflows w on w.id = q.workflow_id and w.status = 'PAUSED'
    join events e on e.workflow_id = q.workflow_id and e.seq = q.seq
    where q.lease_token is null
      and (q.kind = 'perform' or q.kind = 'decide' and e.type in ('timer.set', 'task.retried'))
      -- what a result brought about since then is held when it is due
      and q.seq < (select max(p.seq) from events p
                   where p.workflow_id = q.workflow_id and p.type = 'workflow.paused')
    union all
    select 'a job is not in the lane of its workflow', q.workflow_id,
           format('%s at %s: namespace %L, priority %s', q.kind, q.seq, q.namespace, q.priority)
    from queue q join workflows w on w.id = q.workflow_id
    where q.namespace <> w.namespace or q.priority <> w.priority
    union all
    select 'a job belongs to nothing', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q
    where not case q.kind
              when 'correlate' then exists (select from cloud_events e where e.id = q.workflow_id)
              when 'schedule' then exists (select from schedules s where s.id = q.workflow_id)
              else exists (select from workflows w where w.id = q.workflow_id) end
    union all
    select 'nothing will ever move this workflow: it has no job, listens for nothing, and waits for no other', l.id, ''
    from live l
    where l.status <> 'PAUSED'
      and not exists (select from queue q where q.workflow_id = l.id)
      and not exists (select from subscriptions s where s.workflow_id = l.id)
      and not exists (select from workflows c where c.parent_id = l.id and c.parent_waits
                        and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
    union all
    select 'an activity that was begun has no job', p.workflow_id, format('at %s', p.seq)
    from paired p
    where p.performs and coalesce(p.kind, '') not in ('perform', 'held perform')
    union all
    select 'a job was scheduled by nothing that is still open', p.workflow_id, format('%s at %s', p.kind, p.seq)
    from paired p
    where p.kind is not null and not (p.is_open and (p.kind in ('decide', 'held decide') or p.performs))
      -- the end of a child is told to its parent even if that has stopped waiting: its next turn drops it
      and not exists (select from workflows c where c.parent_id = p.workflow_id and c.parent_seq = p.seq
                        and p.kind in ('decide', 'held decide'))
    union all
    select 'a lease that is counted was never granted', q.workflow_id, format('at %s, attempt %s', q.seq, q.attempt)
    from queue q where q.lease_token is not null and q.attempt < 1
$$;

comment on function check_jobs(uuid, uuid) is
    'Where the queue is not what the histories of the workflows between two ids say: jobs that lack, and jobs too many.';
