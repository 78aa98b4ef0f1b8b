create function end_waiting(p_correlated_from timestamptz, p_position bigint) returns void
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_first timestamptz;
begin
    select min(j.due_at) into v_first from jobs j where j.kind = 'correlate';
    -- Those that waited for one of the CloudEvents that have just been correlated, and wait for no other. Nothing is
    -- written down of it, as somebody may be about to end them; and the job has a number that none had before, as a
    -- turn may have an older one in its hands, which ends with it.
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select distinct s.workflow_id, -p_position, s.kind, now(), s.namespace, s.priority
    from subscriptions s
    where s.waits_until >= p_correlated_from and s.waits_until < coalesce(v_first, 'infinity')
    on conflict do nothing;
end
$$;

comment on function end_waiting(timestamptz, bigint) is
    'Gives those a job who began to listen while CloudEvents that are older than others were still to be correlated, now that these are.';
