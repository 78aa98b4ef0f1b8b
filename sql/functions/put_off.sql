create function put_off(p_workflows uuid[], p_delay interval) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    update jobs j set due_at = clock_timestamp() + p_delay
    where j.workflow_id = any (p_workflows) and j.kind = 'decide' and j.due_at <= clock_timestamp()
$$;

comment on function put_off(uuid[], interval) is
    'Lets workflows wait for what their definition refers to; unlike postpone_turn it is no strike against them.';
