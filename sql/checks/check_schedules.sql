create function check_schedules(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    select 'nothing will ever make this schedule start a workflow: it has no job and waits for nothing', s.id,
           format('%s/%s:%s', s.namespace, s.name, s.version)
    from schedules s
    where s.id between p_first and p_last
      and (s.problem is null or s.next_at is not null)
      and not exists (select from jobs j where j.workflow_id = s.id and j.kind = 'schedule')
      and not case
          when s.schedule ? 'on' then exists (select from subscriptions b where b.workflow_id = s.id)
          when s.schedule ? 'after' then s.next_at is null and exists (
              select from workflows w
              where w.id = s.last_workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
          else false end
    union all
    select 'a schedule is of no definition', s.id, format('%s/%s:%s', s.namespace, s.name, s.version)
    from schedules s
    where s.id between p_first and p_last
      and not exists (select from definitions d
                      where d.namespace = s.namespace and d.name = s.name and d.version = s.version)
    union all
    select 'a schedule is not that of its definition', s.id, format('%s/%s:%s', s.namespace, s.name, s.version)
    from schedules s
    join definitions d on d.namespace = s.namespace and d.name = s.name and d.version = s.version
    where s.id between p_first and p_last and s.schedule <> d.document -> 'schedule'
$$;

comment on function check_schedules(uuid, uuid) is 'What is wrong with the schedules between two ids: each has to be looked after again.';
