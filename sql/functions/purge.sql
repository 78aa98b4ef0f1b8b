create function purge(
    older_than interval,
    statuses   text[]  default array['COMPLETED', 'FAILED', 'CANCELLED'],
    batch      integer default 1000
) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_purged uuid[];
    v_before timestamptz := now() - purge.older_than;
begin
    if purge.older_than is null or purge.older_than < interval '0' or purge.batch is null or purge.batch < 1 then
        raise exception 'purge takes an age and a batch of at least 1' using errcode = 'PW001',
            hint = 'Such as select purge(interval ''30 days'');';
    end if;
    if not purge.statuses <@ array['COMPLETED', 'FAILED', 'CANCELLED'] then
        raise exception 'only workflows that have ended are purged: COMPLETED, FAILED or CANCELLED'
            using errcode = 'PW001', hint = format('%s is not among them.', purge.statuses);
    end if;
    -- Rows first: what belongs to a workflow may go once its row has gone. Whoever steers one this moment keeps it.
    with old as (
        select w.id from workflows w
        where w.ended_at < v_before and w.status = any (purge.statuses)
          -- a parent that still runs may ask for it
          and not exists (select from workflows p where p.id = w.parent_id
                            and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
        order by w.created_at
        limit purge.batch
        for update skip locked
    ), gone as (
        delete from workflows w using old where w.id = old.id returning w.id
    )
    select array_agg(gone.id) into v_purged from gone;
    delete from events where workflow_id = any (v_purged);
    delete from consumptions where workflow_id = any (v_purged);
    delete from snapshots where workflow_id = any (v_purged);
    perform purge_cloud_events(v_before, purge.batch);
    return coalesce(cardinality(v_purged), 0);
end
$$;

comment on function purge(interval, text[], integer) is
    'Removes workflows that ended longer ago, whole with their histories, up to a batch of them, and CloudEvents of that age that nobody can consume any more; returns how many workflows. Call it until it returns 0, each time in a transaction of its own.';
