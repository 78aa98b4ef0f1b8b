create function purge_cloud_events(p_before timestamptz, p_batch integer) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
declare
    -- Whoever lives may still begin to listen for what was published since it was created, and who failed may be retried.
    v_oldest timestamptz := least(
        p_before,
        (select min(created_at) from workflows where status not in ('COMPLETED', 'FAILED', 'CANCELLED')),
        (select min(created_at) from workflows where status = 'FAILED' and error is not null));  -- by its index
    v_purged uuid[];
begin
    with old as (
        select c.id from cloud_events c
        where c.published_at < v_oldest
          and not exists (select from jobs j where j.workflow_id = c.id and j.kind = 'correlate')
          -- what a schedule has not looked at yet may start a workflow
          and not exists (select from correlated_events o
                          join subscriptions s on s.correlation = o.correlation and s.value = o.value
                               and o.position > s.seen
                          where o.event_id = c.id and s.kind = 'schedule')
        order by c.published_at
        limit p_batch
        for update skip locked
    ), gone as (
        delete from cloud_events c using old where c.id = old.id returning c.id
    )
    select array_agg(gone.id) into v_purged from gone;
    delete from correlated_events o
    using correlations k, unnest(v_purged) as u (id)
    where o.correlation = k.id and o.event_id = u.id;
    delete from consumptions c  -- those of workflows go with them
    using schedules s, unnest(v_purged) as u (id)
    where c.workflow_id = s.id and c.event_id = u.id;
    return coalesce(cardinality(v_purged), 0);
end
$$;

comment on function purge_cloud_events(timestamptz, integer) is
    'Removes up to a batch of CloudEvents that were published before then and that nobody can consume any more; returns how many.';
