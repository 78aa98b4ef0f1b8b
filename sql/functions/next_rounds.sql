create function next_rounds() returns table (correlate_in interval, schedule_in interval)
    language sql stable security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select (select min(due_at) - clock_timestamp() from jobs where kind = 'correlate'),
           (select min(due_at) - clock_timestamp() from jobs where kind = 'schedule')
$$;

comment on function next_rounds() is
    'How long until a CloudEvent is to be correlated, and until a schedule is to be looked after; null if there is none.';
