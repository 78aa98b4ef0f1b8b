create function claim_turn(
    p_session        uuid,
    p_batch          integer,
    p_done_workflows uuid[],
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
    history     json,
    is_long     boolean,
    mail        json,
    children    json
)
    language plpgsql security definer
    set search_path from current
    -- Whatever the statistics say of a queue that was empty a moment ago, these plans stay.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_lane     record;
    v_more     uuid[];
    v_locked   uuid[] := '{}';
    v_ids      uuid[];
    v_due      text[];  -- of each workflow an array, as text: arrays of one array have one length
    v_done     text[];
begin
    -- Workflows are locked before their jobs, and nothing here ever waits: what others hold is skipped.
    for v_lane in select * from due_lanes('decide', p_batch) loop
        exit when cardinality(v_locked) >= p_batch;
        select array_agg(c.id) into v_more
        from (select w.id
              from jobs j join workflows w on w.id = j.workflow_id
              where j.kind = 'decide' and j.priority = v_lane.priority and j.namespace = v_lane.namespace
                and j.due_at <= now() and w.id <> all (v_locked)
              order by j.due_at
              limit greatest(least(v_lane.share, v_lane.up_to - cardinality(v_locked)), 0)
              for no key update of w skip locked) c;
        v_locked := v_locked || coalesce(v_more, '{}');
    end loop;
    if p_done_workflows <> '{}' then
        select v_locked || coalesce(array_agg(c.id), '{}') into v_locked
        from (select w.id from workflows w where w.id = any (p_done_workflows) order by w.id
              for no key update skip locked) c;
    end if;
    if v_locked = '{}' then
        return;
    end if;

    -- Each workflow's jobs by its id: in a lateral query, and with kinds and times that no index is searched for, no
    -- statistics of a queue that was empty a moment ago can turn this into a search through all jobs.
    select array_agg(l.id), array_agg(d.due::text), array_agg(a.done::text) into v_ids, v_due, v_done
    from (select distinct u.id from unnest(v_locked) as u (id)) l
    left join lateral (
        select array_agg(j.seq) as due
        from (select j.seq from jobs j
              where j.workflow_id = l.id and (j.kind = 'decide' and j.due_at <= now()) is true
              for update skip locked) j) d on true
    left join lateral (
        select array_agg(j.seq) as done
        from (select j.seq from jobs j
              where j.workflow_id = l.id and j.lease_token = any (p_done_tokens)
              for update skip locked) j) a on p_done_tokens <> '{}';

    -- A statement of its own, begun after the workflows were locked: only so it sees their newest events.
    return query
    select w.id, w.namespace, w.name, w.version, w.last_seq, w.priority,
           coalesce(l.due, '{}')::bigint[],
           coalesce((select t.attempt from jobs t where t.workflow_id = w.id and t.seq = 0), 0),
           coalesce(l.done, '{}')::bigint[], case when h.bytes <= 262144 then h.history end,
           w.folded_by is distinct from p_session and w.last_seq >= 1000 or h.bytes > 262144 or h.is_cut,
           -- jobs below zero are about CloudEvents, those above about timers and children
           case when 0 > any (l.due::bigint[]) then mail_of(w.id) end,
           case when 0 < any (l.due::bigint[]) then children_of(w.id, l.due::bigint[]) end
    from unnest(v_ids, v_due, v_done) as l (id, due, done)
    join workflows w on w.id = l.id
    left join lateral (
        -- what is stored may be compressed, to a 255th at best; what has just been made is not, and takes its bytes
        select n.history, pg_column_size(n.history) as bytes, n.is_cut
        from (select json_agg(json_build_array(e.seq, e.type, e.task, e.data, e.occurred_at) order by e.seq)
                     filter (where e.stored <= 65536) as history,
                     bool_or(e.stored > 65536) as is_cut
              from (select o.seq, o.type, o.task, o.data, o.occurred_at,
                           sum(pg_column_size(o.data)) over (order by o.seq) as stored
                    from events o
                    where o.workflow_id = w.id
                      and o.seq > case when w.folded_by = p_session then w.folded_seq else 0 end
                      -- long histories are read apart, from their snapshots
                      and (w.folded_by = p_session or w.last_seq < 1000)) e) n) h on true;
end
$$;

comment on function claim_turn(uuid, integer, uuid[], uuid[]) is
    'Locks up to a batch of workflows that are due, and those whose activities are done; returns for each what the session has not folded yet (unless that is long, then histories_of has it), its due jobs, which of the done activities still hold their lease, the CloudEvents that it may want, and how its children are. Locked workflows are skipped, never waited for.';
