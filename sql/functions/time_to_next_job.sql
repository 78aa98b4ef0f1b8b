create function time_to_next_job(p_performs boolean default true) returns interval
    language plpgsql stable security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_priority integer;
    v_due_at   timestamptz;
    v_first    timestamptz;
begin
    select max(priority) into v_priority from jobs where kind = 'decide';
    while v_priority is not null loop
        select min(due_at) into v_due_at from jobs where kind = 'decide' and priority = v_priority;
        v_first := least(v_first, v_due_at);
        select max(priority) into v_priority from jobs where kind = 'decide' and priority < v_priority;
    end loop;
    select max(priority) into v_priority from jobs where kind = 'perform' and p_performs;
    while v_priority is not null loop
        select min(due_at) into v_due_at from jobs where kind = 'perform' and priority = v_priority;
        v_first := least(v_first, v_due_at);
        select max(priority) into v_priority from jobs where kind = 'perform' and priority < v_priority;
    end loop;
    return case when isfinite(v_first) then greatest(v_first - clock_timestamp(), '0') end;
end
$$;

comment on function time_to_next_job(boolean) is
    'How long until a job is due, by the database''s clock; null if there is none. Activities count for those that can perform more.';
