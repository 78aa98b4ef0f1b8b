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
    from (select o.workflow_id, o.seq from jobs o
          where o.workflow_id = any (p_workflows) and o.kind = 'decide' and o.due_at <= clock_timestamp()
          -- what somebody else holds this moment is not waited for, and comes again by itself
          for update skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq
$$;

comment on function put_off(uuid[], interval) is
    'Lets workflows wait for what their definition refers to; unlike postpone_turn it is no strike against them.';
