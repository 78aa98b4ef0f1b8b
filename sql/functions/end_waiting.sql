create function end_waiting() returns void
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_first     timestamptz;
    v_workflows uuid[];
    v_seqs      bigint[];
begin
    select min(j.due_at) into v_first from jobs j where j.kind = 'correlate';
    -- Without waiting: what is locked is about to go.
    with ready as (
        update subscriptions s set waits_until = null
        from (select o.workflow_id, o.seq, o.filter from subscriptions o
              where o.waits_until < coalesce(v_first, 'infinity')
              for update skip locked) o
        where s.workflow_id = o.workflow_id and s.seq = o.seq and s.filter = o.filter
        returning s.workflow_id, s.seq
    )
    select array_agg(r.workflow_id), array_agg(r.seq) into v_workflows, v_seqs
    from (select distinct workflow_id, seq from ready) r;
    if v_workflows is not null then
        perform tell_listeners(v_workflows, v_seqs);
    end if;
end
$$;

comment on function end_waiting() is
    'Listeners that began to listen while older CloudEvents were still to be correlated are told of them all, now that these are.';
