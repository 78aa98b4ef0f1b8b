create function lanes(p_kind text, p_most integer default 1000) returns table (
    priority  integer,
    namespace text,
    due_at    timestamptz
)
    language plpgsql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
begin
    -- By skipping from one lane to the next in the index: it does not matter how many jobs wait in each.
    return query
    with recursive lane as (
        (select j.priority, j.namespace, j.due_at from jobs j where j.kind = p_kind
         order by j.priority desc, j.namespace desc, j.due_at desc limit 1)
        union all
        select n.priority, n.namespace, n.due_at
        from lane l
        cross join lateral (
            select j.priority, j.namespace, j.due_at from jobs j
            where j.kind = p_kind and (j.priority, j.namespace) < (l.priority, l.namespace)
            order by j.priority desc, j.namespace desc, j.due_at desc limit 1) n
    )
    select l.priority, l.namespace, f.due_at
    from (select lane.priority, lane.namespace from lane limit p_most) l
    cross join lateral (
        select j.due_at from jobs j
        where j.kind = p_kind and j.priority = l.priority and j.namespace = l.namespace
        order by j.due_at limit 1) f;
end
$$;

comment on function lanes(text, integer) is
    'The lanes of a kind of jobs (a lane holds the jobs of one namespace and one priority), the highest priority first, each with the time when its first job is due. Lanes beyond the thousandth wait for others to be empty.';
