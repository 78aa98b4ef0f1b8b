create function unsubscribe(p_workflows uuid[], p_seqs bigint[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    delete from subscriptions s
    using unnest(p_workflows, p_seqs) as u (workflow_id, seq)
    where s.workflow_id = u.workflow_id and s.seq = u.seq
$$;

comment on function unsubscribe(uuid[], bigint[]) is 'Listens have ended.';
