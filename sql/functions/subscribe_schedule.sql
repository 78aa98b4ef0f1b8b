create function subscribe_schedule(
    p_id uuid, p_filters integer[], p_correlations text[], p_types text[], p_keys jsonb[], p_values text[]
) returns void
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_schedule schedules;
begin
    -- Alone, since a transaction settles several schedules: correlations are locked in one order in each only.
    perform lock_correlation(p_alone => true);
    select * into v_schedule from schedules s where s.id = p_id;
    perform correlate_backwards(p_correlations, p_types, p_keys,
                                array_fill(v_schedule.created_at, array[cardinality(p_correlations)]));
    insert into subscriptions (workflow_id, seq, filter, kind, correlation, value, published_from, seen)
    select p_id, 1, u.filter, 'schedule', u.correlation, u.value, v_schedule.created_at, v_schedule.event_floor
    from unnest(p_filters, p_correlations, p_values) as u (filter, correlation, value);
    perform tell_listeners(array[p_id], array[1::bigint]);
end
$$;

comment on function subscribe_schedule(uuid, integer[], text[], text[], jsonb[], text[]) is
    'A schedule begins to listen for the CloudEvents that trigger it.';
