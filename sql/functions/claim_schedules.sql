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
begin
    -- A job that was added while its schedule was replaced: nobody else would ever take it away.
    delete from jobs j
    using (select o.workflow_id, o.seq from jobs o
           where o.kind = 'schedule' and o.due_at <= clock_timestamp()
             and not exists (select from schedules s where s.id = o.workflow_id)
           for update skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq;
    select array_agg(c.id) into v_ids
    from (select s.id
          from (select distinct j.workflow_id from (
                    select o.workflow_id from jobs o where o.kind = 'schedule' and o.due_at <= clock_timestamp()
                    order by o.due_at limit p_batch) j) d
          join schedules s on s.id = d.workflow_id
          for no key update of s skip locked) c;
    delete from jobs j
    using (select o.workflow_id, o.seq from jobs o
           where o.workflow_id = any (v_ids) and o.kind = 'schedule' and o.due_at <= clock_timestamp()
           for update skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq;
    return query
    select s.id, s.namespace, s.name, s.version, s.created_at, s.next_at, s.last_workflow_id, w.ended_at, s.listens,
           exists (select from subscriptions b where b.workflow_id = s.id), mail_of(s.id), clock_timestamp()
    from schedules s
    left join workflows w on w.id = s.last_workflow_id
    where s.id = any (v_ids);
end
$$;

comment on function claim_schedules(integer) is
    'Locks, until the end of the transaction, schedules that are to be looked after, and takes their jobs away, and those of schedules that are gone.';
