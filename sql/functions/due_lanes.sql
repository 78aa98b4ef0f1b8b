create function due_lanes(p_kind text, p_batch integer) returns table (
    priority  integer,
    namespace text,
    share     integer,
    up_to     integer
)
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_priorities integer[];
    v_namespaces text[];
    v_due_at     timestamptz[];
    v_aged       integer := 0;
begin
    select array_agg(l.priority), array_agg(l.namespace), array_agg(l.due_at)
    into v_priorities, v_namespaces, v_due_at
    from lanes(p_kind) l where l.due_at <= clock_timestamp();
    if v_priorities is null then
        return;
    end if;
    if cardinality(v_priorities) = 1 then
        return query select v_priorities[1], v_namespaces[1], p_batch, p_batch;
        return;
    end if;
    if exists (select from unnest(v_due_at) d where d < clock_timestamp() - interval '10 s') then
        v_aged := floor(p_batch / 10.0 + random());  -- about one place in ten
    end if;
    return query
    with due as (
        select u.priority, u.namespace, u.due_at
        from unnest(v_priorities, v_namespaces, v_due_at) as u (priority, namespace, due_at)
    )
    select t.priority, t.namespace, t.share, t.up_to
    from (
        -- By priority, where the namespaces of one priority share alike ...
        select 1 as round, d.priority, d.namespace, d.due_at, -d.priority::double precision as rank,
               ceil(p_batch / count(*) over (partition by d.priority)::numeric)::integer as share,
               p_batch - v_aged as up_to
        from due d
        union all
        -- ... some to what has been due for long below the highest priority, by chance, so that the lowest moves
        -- however much there is of the others, and however long that waits itself ...
        select 2, d.priority, d.namespace, d.due_at, random(),
               ceil(v_aged / count(*) over ()::numeric)::integer, p_batch
        from due d
        where v_aged > 0 and d.due_at < clock_timestamp() - interval '10 s'
          and d.priority < (select max(m.priority) from due m)
        union all
        -- ... and what is left over goes to whoever has more.
        select 3, d.priority, d.namespace, d.due_at, -d.priority::double precision, p_batch, p_batch from due d) t
    order by t.round, t.rank, t.due_at;
end
$$;

comment on function due_lanes(text, integer) is
    'In which order, and how many of each, due jobs of a kind are taken to fill a batch: up to share of the lane, as long as no more than up_to have been taken in all. Priorities come first, namespaces of one priority share alike, and about a tenth goes to lower ones that have been due for more than ten seconds.';
