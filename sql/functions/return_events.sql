create function return_events(p_workflows uuid[], p_events uuid[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    delete from consumptions c
    using unnest(p_workflows, p_events) as u (workflow_id, event_id)
    where c.workflow_id = u.workflow_id and c.event_id = u.event_id
$$;

comment on function return_events(uuid[], uuid[]) is
    'Forgets that workflows have consumed CloudEvents: they went back to before that, and may consume them again.';
