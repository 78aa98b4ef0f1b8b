create function claim_turn(
    p_session        uuid,
    p_batch          integer,
    p_done_workflows uuid[],
    p_done_seqs      bigint[],
    p_done_tokens    uuid[]
) returns table (
    workflow_id uuid,
    namespace   text,
    name        text,
    version     text,
    last_seq    bigint,
    priority    integer,
    due         bigint[],
    strikes     integer,
    done        bigint[],
    history     json
)
    language plpgsql security definer
    set search_path from current
    -- Whatever the statistics say of a queue that was empty a moment ago, these plans stay.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_priority  integer;
    v_more      uuid[];
    v_claimed   uuid[] := '{}';
    v_locked    uuid[];
begin
    -- The queue, highest priority first, each by its own stretch of the index. Nothing here ever waits for a
    -- lock: jobs that others hold are skipped, and so are workflows.
    select max(j.priority) into v_priority from jobs j where kind = 'decide';
    while v_priority is not null and cardinality(v_claimed) < p_batch loop
        select array_agg(c.workflow_id) into v_more
        from (select j.workflow_id from jobs j
              where kind = 'decide' and j.priority = v_priority and due_at <= now()
              order by due_at
              limit p_batch - cardinality(v_claimed)
              for no key update skip locked) c;
        v_claimed := v_claimed || coalesce(v_more, '{}');
        select max(j.priority) into v_priority from jobs j where kind = 'decide' and j.priority < v_priority;
    end loop;

    if v_claimed = '{}' and p_done_workflows = '{}' then
        return;
    end if;

    select array_agg(l.id) into v_locked
    from (select w.id from workflows w
          where w.id = any (v_claimed || p_done_workflows)
          order by w.id
          for no key update skip locked) l;

    -- A statement of its own, begun after the workflows were locked: only so it sees their newest events.
    return query
    select w.id, w.namespace, w.name, w.version, w.last_seq, w.priority,
           coalesce(d.due, '{}'), coalesce(d.strikes, 0), coalesce(a.done, '{}'), h.history
    from unnest(v_locked) as l (id)
    cross join lateral (select * from workflows x where x.id = l.id offset 0) w
    left join lateral (
        select array_agg(j.seq) as due, max(j.attempt) as strikes
        from jobs j
        where j.workflow_id = w.id and j.kind = 'decide' and j.due_at <= now()) d on true
    left join lateral (
        select array_agg(j.seq) as done
        from jobs j
        where j.workflow_id = w.id and j.lease_token is not null
          and (j.seq, j.lease_token) in (
              select p.seq, p.token
              from unnest(p_done_workflows, p_done_seqs, p_done_tokens) as p (workflow_id, seq, token)
              where p.workflow_id = w.id)) a on true
    left join lateral (
        select json_agg(json_build_array(e.seq, e.type, e.task, e.data, e.occurred_at) order by e.seq) as history
        from events e
        where e.workflow_id = w.id
          and e.seq > case when w.folded_by = p_session then w.folded_seq else 0 end) h on true;
end
$$;

comment on function claim_turn(uuid, integer, uuid[], bigint[], uuid[]) is
    'Locks up to a batch of workflows that are due, and those whose activities are done; returns for each what the session has not folded yet, its due jobs, and which of the done activities still hold their lease. Locked workflows are skipped, never waited for.';
