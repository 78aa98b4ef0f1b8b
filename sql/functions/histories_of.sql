create function histories_of(p_workflows uuid[], p_formats integer[]) returns table (
    workflow_id uuid,
    snapshot    bytea,
    history     json
)
    language sql stable security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select u.id, s.state, h.history
    from unnest(p_workflows) as u (id)
    left join snapshots s on s.workflow_id = u.id and s.format = any (p_formats)
    cross join lateral (
        select json_agg(json_build_array(e.seq, e.type, e.task, e.data, e.occurred_at) order by e.seq) as history
        from events e
        where e.workflow_id = u.id and e.seq > coalesce(s.seq, 0)) h
$$;

comment on function histories_of(uuid[], integer[]) is
    'What states are rebuilt from: the snapshot, if there is one in a known format, and the events after it.';
