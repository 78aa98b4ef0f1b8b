create function claim_activities(p_worker text, p_slots integer, p_lease interval) returns table (
    workflow_id uuid,
    seq         bigint,
    attempt     integer,
    lease_token uuid,
    task        text,
    data        jsonb
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
    v_lane      record;
    v_workflows uuid[];
    v_seqs      bigint[];
    v_taken     integer := 0;
    v_now       timestamptz := clock_timestamp();  -- no index is searched for what may change meanwhile
begin
    for v_lane in select * from due_lanes('perform', p_slots) loop
        exit when v_taken >= p_slots;
        select array_agg(d.workflow_id), array_agg(d.seq) into v_workflows, v_seqs
        from (select j.workflow_id, j.seq from jobs j
              where j.kind = 'perform' and j.priority = v_lane.priority and j.namespace = v_lane.namespace
                and j.due_at <= v_now
              order by j.due_at
              limit greatest(least(v_lane.share, v_lane.up_to - v_taken), 0)
              for update skip locked) d;
        continue when v_workflows is null;
        -- One that was given back while its workflow ended was left over.
        delete from jobs j
        using unnest(v_workflows, v_seqs) as d (workflow_id, seq), workflows w
        where j.workflow_id = d.workflow_id and j.seq = d.seq and w.id = d.workflow_id
          and w.status in ('COMPLETED', 'FAILED', 'CANCELLED');
        -- A due job that has a token lost its holder: the new token makes the old one void.
        return query
        update jobs j
        set attempt = j.attempt + 1, lease_token = gen_random_uuid(), worker_id = p_worker,
            due_at = clock_timestamp() + p_lease, running_since = null, output_bytes = null, messages = null
        from unnest(v_workflows, v_seqs) as d (workflow_id, seq)
        where j.workflow_id = d.workflow_id and j.seq = d.seq
        returning j.workflow_id, j.seq, j.attempt, j.lease_token,
            (select e.task from events e where e.workflow_id = j.workflow_id and e.seq = j.seq),
            (select e.data from events e where e.workflow_id = j.workflow_id and e.seq = j.seq);
        v_taken := v_taken + coalesce(cardinality(v_seqs), 0);
    end loop;
end
$$;

comment on function claim_activities(text, integer, interval) is
    'Leases up to so many due activities to a worker, each with a new token and the next attempt number; among them those whose lease has run out.';
