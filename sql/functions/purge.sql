create function purge(
    older_than interval,
    statuses   text[]  default array['COMPLETED', 'FAILED', 'CANCELLED'],
    batch      integer default 1000
) returns bigint
    language sql security definer
    set search_path from current
as $$
    select case when gone.workflows > 0 then gone.workflows else gone.cloud_events end
    from purge_ended(older_than, statuses, batch) gone
$$;

comment on function purge(interval, text[], integer) is
    'Removes workflows that ended longer ago, whole with their histories, up to a batch of them, and up to a batch of CloudEvents of that age that nobody can consume any more; returns how many workflows or, once none is left, CloudEvents. Call it until it returns 0, each time in a transaction of its own.';
