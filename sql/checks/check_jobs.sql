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
    ), open_ as (
        -- what has begun and not ended in the histories of live workflows, and the timers that may still fire
        select e.workflow_id, e.seq, e.data ? 'activity' as performs
        from live l join events e on e.workflow_id = l.id
        where e.seq > l.retried  -- whatever was open before that came to its end with the workflow
          and (e.type = 'task.started' or e.type in ('timer.set', 'task.retried') and e.data ? 'due_at')
          and not exists (
              select from events r
              where r.workflow_id = e.workflow_id and r.seq > e.seq
                and (r.type in ('task.completed', 'task.failed', 'task.cancelled') and r.data -> 'start' = to_jsonb(e.seq)
                     or r.type = 'timer.fired' and r.data -> 'timer' = to_jsonb(e.seq)
                     or r.data -> 'ends_jobs' @> to_jsonb(e.seq)))
    )
    select 'an ended workflow has a job', q.workflow_id, format('%s: %s at %s', w.status, q.kind, q.seq)
    from queue q join workflows w on w.id = q.workflow_id and w.id not in (select id from live)
    where q.kind in ('decide', 'perform', 'held decide', 'held perform')
    union all
    select 'a job of a workflow that is not paused is held', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q join workflows w on w.id = q.workflow_id and w.status <> 'PAUSED'
    where q.kind like 'held %'
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
    select 'an activity that was begun has no job', o.workflow_id, format('at %s', o.seq)
    from open_ o
    where o.performs
      and not exists (select from queue q where q.workflow_id = o.workflow_id and q.seq = o.seq and q.kind in ('perform', 'held perform'))
    union all
    select 'a job was scheduled by nothing that is still open', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q join live l on l.id = q.workflow_id
    where q.seq > 0
      and not exists (select from open_ o where o.workflow_id = q.workflow_id and o.seq = q.seq
                        and (q.kind in ('decide', 'held decide') or o.performs))
      -- the end of a child is told to its parent even if that has stopped waiting: its next turn drops it
      and not exists (select from workflows c where c.parent_id = q.workflow_id and c.parent_seq = q.seq
                        and q.kind in ('decide', 'held decide'))
    union all
    select 'a lease that is counted was never granted', q.workflow_id, format('at %s, attempt %s', q.seq, q.attempt)
    from queue q where q.lease_token is not null and q.attempt < 1
$$;

comment on function check_jobs(uuid, uuid) is
    'Where the queue is not what the histories of the workflows between two ids say: jobs that lack, and jobs too many.';
