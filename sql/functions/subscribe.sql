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
    perform correlate_backwards(n.id, n.type, n.keys, n.since)
    from (select u.correlation as id, min(u.type) as type, min(u.keys::text)::jsonb as keys, min(w.created_at) as since
          from unnest(p_workflows, p_correlations, p_types, p_keys) as u (workflow_id, correlation, type, keys)
          join workflows w on w.id = u.workflow_id
          group by u.correlation
          order by u.correlation) n;  -- in one order everywhere, as these rows are locked
    insert into subscriptions (workflow_id, seq, filter, correlation, value, published_from, seen, namespace,
                               priority)
    select u.workflow_id, u.seq, u.filter, u.correlation, u.value, w.created_at, w.event_floor, w.namespace,
           w.priority
    from unnest(p_workflows, p_seqs, p_filters, p_correlations, p_values)
        as u (workflow_id, seq, filter, correlation, value)
    join workflows w on w.id = u.workflow_id;
    perform tell_listeners(p_workflows, p_seqs);
end
$$;

comment on function subscribe(uuid[], bigint[], integer[], text[], text[], jsonb[], text[]) is
    'Workflows begin to listen. What was published since each was created, and not consumed by it, is found too.';
