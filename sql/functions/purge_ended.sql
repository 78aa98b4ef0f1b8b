create function purge_ended(
    p_older_than interval, p_statuses text[], p_batch integer, out workflows bigint, out cloud_events bigint
)
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_purged uuid[];
    v_before timestamptz;
begin
    if p_older_than is null or not p_older_than between interval '0' and interval '1000 years'
       or p_batch is null or p_batch < 1 then
        raise exception 'purge takes an age of a thousand years at most and a batch of at least 1' using errcode = 'PW001',
            hint = 'Such as select purge(interval ''30 days'');';
    end if;
    if not p_statuses <@ array['COMPLETED', 'FAILED', 'CANCELLED'] then
        raise exception 'only workflows that have ended are purged: COMPLETED, FAILED or CANCELLED'
            using errcode = 'PW001', hint = format('%s is not among them.', p_statuses);
    end if;
    v_before := now() - p_older_than;
    -- Rows first: what belongs to a workflow may go once its row has gone. Whoever steers one this moment keeps it.
    with old as (
        select w.id from workflows w
        where w.ended_at < v_before and w.status = any (p_statuses)
          -- a parent that still runs may ask for it
          and not exists (select from workflows p where p.id = w.parent_id
                            and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
        order by w.created_at
        limit p_batch
        for update skip locked
    ), gone as (
        delete from workflows w using old where w.id = old.id returning w.id
    )
    select array_agg(gone.id) into v_purged from gone;
    delete from events where workflow_id = any (v_purged);
    delete from consumptions where workflow_id = any (v_purged);
    delete from snapshots where workflow_id = any (v_purged);
    purge_ended.workflows := coalesce(cardinality(v_purged), 0);
    purge_ended.cloud_events := purge_cloud_events(v_before, p_batch);
end
$$;

comment on function purge_ended(interval, text[], integer) is
    'Removes up to a batch of workflows that ended longer ago, whole with their histories, and up to a batch of CloudEvents; returns how many of each.';
