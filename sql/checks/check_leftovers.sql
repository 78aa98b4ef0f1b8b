create function check_leftovers(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    select 'a snapshot belongs to no workflow that goes on', s.workflow_id, format('at %s', s.seq)
    from snapshots s
    left join workflows w on w.id = s.workflow_id
    where s.workflow_id between p_first and p_last
      and (w.id is null or w.status in ('COMPLETED', 'FAILED', 'CANCELLED'))
    union all
    select 'a snapshot is of an event that is not there', s.workflow_id, format('at %s of %s', s.seq, w.last_seq)
    from snapshots s join workflows w on w.id = s.workflow_id
    where s.workflow_id between p_first and p_last and s.seq > w.last_seq
    union all
    select 'subscriptions or consumptions belong to nobody', o.workflow_id, ''
    from (select s.workflow_id from subscriptions s where s.workflow_id between p_first and p_last
          union select c.workflow_id from consumptions c where c.workflow_id between p_first and p_last) o
    where not exists (select from workflows w where w.id = o.workflow_id)
      and not exists (select from schedules s where s.id = o.workflow_id)
    union all
    select 'a workflow has no definition', w.id, format('%s/%s:%s', w.namespace, w.name, w.version)
    from workflows w
    where w.id between p_first and p_last
      and not exists (select from definitions d
                      where d.namespace = w.namespace and d.name = w.name and d.version = w.version)
$$;

comment on function check_leftovers(uuid, uuid) is
    'What is left over between two ids: rows whose owner has gone or has ended.';
