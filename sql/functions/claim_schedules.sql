create function claim_schedules(p_batch integer) returns table (
    id               uuid,
    namespace        text,
    name             text,
    version          text,
    created_at       timestamptz,
    next_at          timestamptz,
    last_workflow_id uuid,
    last_ended_at    timestamptz,
    listens          jsonb,
    subscribed       boolean,
    mail             json,
    now              timestamptz
)
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_ids uuid[];
    v_now timestamptz := clock_timestamp();  -- no index is searched for what may change meanwhile
begin
    perform set_config('idle_in_transaction_session_timeout', '20s', true);  -- who falls silent lets go of them
    select array_agg(c.id) into v_ids
    from (select s.id
          from (select o.workflow_id, min(o.due_at) as due_at
                from (select q.workflow_id, q.due_at from jobs q
                      where q.kind = 'schedule' and q.due_at <= v_now
                      -- so many that others may hold the first of them
                      order by q.due_at limit 10 * p_batch) o
                group by o.workflow_id) d
          join schedules s on s.id = d.workflow_id
          order by d.due_at
          limit p_batch
          for no key update of s skip locked) c;
    -- With them go the jobs of schedules that a newer version has ended while these came.
    delete from jobs j
    using (select o.workflow_id, o.seq from jobs o
           where o.workflow_id = any (v_ids) and o.kind = 'schedule' and o.due_at <= v_now
           for update skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq;
    delete from jobs j
    using (select o.workflow_id, o.seq
           from (select q.workflow_id, q.seq from jobs q
                 where q.kind = 'schedule' and q.due_at <= v_now
                 order by q.due_at limit p_batch) d
           join jobs o on o.workflow_id = d.workflow_id and o.seq = d.seq
           where not exists (select from schedules s where s.id = o.workflow_id)
           for update of o skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq;
    return query
    select s.id, s.namespace, s.name, s.version, s.created_at, s.next_at, s.last_workflow_id,
           -- one that was purged has ended
           case when w.id is null and s.last_workflow_id is not null then clock_timestamp() else w.ended_at end, s.listens,
           exists (select from subscriptions b where b.workflow_id = s.id), mail_of(s.id), clock_timestamp()
    from schedules s
    left join workflows w on w.id = s.last_workflow_id
    where s.id = any (v_ids);
end
$$;

comment on function claim_schedules(integer) is
    'Locks, until the end of the transaction, schedules that are to be looked after, and takes their jobs away.';
