create function subscribe(
    p_workflows    uuid[],
    p_seqs         bigint[],
    p_filters      integer[],
    p_correlations text[],
    p_types        text[],
    p_keys         jsonb[],
    p_values       text[]
) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    perform lock_correlation(p_alone => false);
    perform correlate_backwards(array_agg(u.correlation), array_agg(u.type), array_agg(u.keys), array_agg(w.created_at))
    from unnest(p_workflows, p_correlations, p_types, p_keys) as u (workflow_id, correlation, type, keys)
    join workflows w on w.id = u.workflow_id;
    insert into subscriptions (workflow_id, seq, filter, correlation, value, published_from, seen, namespace,
                               priority, waits_until)
    select u.workflow_id, u.seq, u.filter, u.correlation, u.value, w.created_at, w.event_floor, w.namespace,
           w.priority,
           -- what is still to be correlated may be older than what is there already
           case when exists (select from jobs j where j.kind = 'correlate' and j.due_at >= w.created_at)
                then clock_timestamp() end
    from unnest(p_workflows, p_seqs, p_filters, p_correlations, p_values)
        as u (workflow_id, seq, filter, correlation, value)
    join workflows w on w.id = u.workflow_id;
    perform tell_listeners(p_workflows, p_seqs);
end
$$;

comment on function subscribe(uuid[], bigint[], integer[], text[], text[], jsonb[], text[]) is
    'Workflows begin to listen. What was published since each was created, and not consumed by it, is found too.';
