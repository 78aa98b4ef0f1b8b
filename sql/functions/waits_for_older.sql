create function waits_for_older(p_waits_until timestamptz) returns boolean
    language plpgsql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set jit = off
as $$
begin
    return p_waits_until is not null
        and exists (select from jobs j where j.kind = 'correlate' and j.due_at <= p_waits_until);
end
$$;

comment on function waits_for_older(timestamptz) is
    'Whether CloudEvents that were published up to then are still to be correlated: whoever waits for them is told of none yet.';
