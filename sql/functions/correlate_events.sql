create function correlate_events(
    p_events uuid[], p_known text[], p_correlated uuid[], p_correlations text[], p_values text[]
) returns boolean
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_before bigint;
begin
    perform lock_correlation(p_alone => true);
    if exists (select from cloud_events e join correlations c on c.type is null or c.type = e.type
               where e.id = any (p_events) and c.id <> all (p_known)) then
        return false;  -- somebody has just begun to listen in a new way
    end if;
    update event_clock set position = position + cardinality(p_events)
    returning position - cardinality(p_events) into v_before;
    -- Only what is new is told: of the rest the listeners know, and a job for it may be in the hands of a turn
    -- that waits for the lock held here.
    with noted as (
        insert into correlated_events (correlation, value, position, event_id, published_at)
        select u.correlation, u.value, p.position, p.id, p.published_at
        from (select e.id, e.published_at, v_before + row_number() over (order by e.published_at, e.id) as position
              from cloud_events e where e.id = any (p_events)) p
        join unnest(p_correlated, p_correlations, p_values) as u (event_id, correlation, value) on u.event_id = p.id
        on conflict on constraint a_correlation_gives_an_event_one_value do nothing
        returning correlation, value, position, published_at
    )
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select distinct s.workflow_id, -n.position, s.kind, now(), s.namespace, s.priority
    from noted n
    join subscriptions s on s.correlation = n.correlation and s.value = n.value
         and s.published_from <= n.published_at and not waits_for_older(s.waits_until)
    on conflict do nothing;
    delete from jobs j using unnest(p_events) as u (id) where j.workflow_id = u.id and j.seq = 0;
    perform end_waiting((select min(e.published_at) from cloud_events e where e.id = any (p_events)),
                        v_before + cardinality(p_events));
    perform wake_workers();
    return true;
end
$$;

comment on function correlate_events(uuid[], text[], uuid[], text[], text[]) is
    'Notes the values that claimed CloudEvents have, and tells those who listen for them. False, and nothing is done, if there is a correlation for them beyond the known ones.';
