create function outlook(
    p_performs boolean default true, p_worker text default null, p_lease interval default null
) returns table (
    work_in      interval,
    correlate_in interval,
    schedule_in  interval,
    known        boolean
)
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_work  timestamptz;
    v_now   timestamptz := clock_timestamp();
    v_known boolean := p_worker is null;
    v_quiet boolean;  -- the worker has not been heard of for a while
begin
    select heartbeat_at < v_now - p_lease / 3 into v_quiet from workers where id = p_worker;
    v_known := v_known or found;
    if v_quiet then
        update workers set heartbeat_at = v_now, busy = 0, busy_since = null, output_bytes = 0 where id = p_worker;
        perform forget_workers(null, 10 * p_lease);
    end if;
    select min(l.due_at) into v_work
    from (select due_at from lanes('decide') union all select due_at from lanes('perform') where p_performs) l;
    return query
    select case when t.work_at is not null and isfinite(t.work_at) then greatest(t.work_at - v_now, '0') end,
           case when t.correlate_at is not null then greatest(t.correlate_at - v_now, '0') end,
           case when t.schedule_at is not null then greatest(t.schedule_at - v_now, '0') end,
           v_known
    from (select v_work as work_at,
                 (select min(j.due_at) from jobs j where j.kind = 'correlate') as correlate_at,
                 (select min(j.due_at) from jobs j where j.kind = 'schedule') as schedule_at) t;
end
$$;

comment on function outlook(boolean, text, interval) is
    'How long, by the database''s clock, until a job is due that a turn takes up (activities count for those that can perform more), until a CloudEvent is to be correlated, and until a schedule is to be looked after; null where there is nothing. A worker that has nothing to do says so, which is its heartbeat, and learns whether it is known (it was forgotten otherwise).';
