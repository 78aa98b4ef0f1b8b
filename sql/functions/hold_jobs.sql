create function hold_jobs(p_workflows uuid[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    -- What is leased goes on. The wish to be cancelled (-1) is granted to a paused workflow, too.
    update jobs j set kind = 'held ' || j.kind
    where j.workflow_id = any (p_workflows) and j.kind in ('decide', 'perform') and j.lease_token is null and j.seq <> -1
$$;

comment on function hold_jobs(uuid[]) is
    'Takes the jobs of paused workflows out of the queue, as they are. The workflows'' rows are locked before.';
