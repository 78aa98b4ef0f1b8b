create function check_children(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with of_children as (
        select e.* from legible_events(p_first, p_last) e
        where e.type in ('child.started', 'child.completed', 'child.failed')
    ), begun as (
        select e.workflow_id, e.start, legible_uuid(e.data ->> 'child') as child,
               e.data -> 'waits' = 'true' as waits
        from of_children e where e.type = 'child.started'
    ), told as (
        select e.workflow_id, e.seq, e.start, e.type from of_children e where e.type <> 'child.started'
    )
    select 'the end of a child was told more than once', t.workflow_id,
           format('start %s: %s', t.start, array_agg(t.seq order by t.seq))
    from told t group by t.workflow_id, t.start having count(*) > 1
    union all
    select 'a child is said to have completed that has not', t.workflow_id, format('%s at %s', b.child, t.seq)
    from told t
    join begun b on b.workflow_id = t.workflow_id and b.start = t.start
    join workflows c on c.id = b.child
    where b.waits and t.type = 'child.completed' and c.status <> 'COMPLETED'
    union all
    select 'a parent waits for a child that has ended or is not there, and nothing will tell it', b.workflow_id,
           format('start %s waits for %s', b.start, b.child)
    from begun b
    join workflows w on w.id = b.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where b.waits
      and not exists (select from told t where t.workflow_id = b.workflow_id and t.start = b.start)
      and not exists (select from events r
                      where r.workflow_id = b.workflow_id and r.seq > b.start and r.data -> 'start' = to_jsonb(b.start)
                        and r.type in ('task.completed', 'task.failed', 'task.cancelled'))
      and not exists (select from workflows c where c.id = b.child and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
      and not exists (select from jobs j where j.workflow_id = b.workflow_id and j.seq = b.start)
    union all
    select 'no event of the parent started this workflow', c.id, format('parent %s at %s', c.parent_id, c.parent_seq)
    from workflows c
    where c.id between p_first and p_last and c.parent_id is not null
      and exists (select from workflows w where w.id = c.parent_id)
      and not exists (select from events e
                      where e.workflow_id = c.parent_id and e.type = 'child.started' and e.data ->> 'child' = c.id::text
                        and e.data -> 'start' = to_jsonb(c.parent_seq) and (e.data -> 'waits' = 'true') is true = c.parent_waits)
$$;

comment on function check_children(uuid, uuid) is
    'What is wrong between the workflows between two ids and those that they started or that started them.';
