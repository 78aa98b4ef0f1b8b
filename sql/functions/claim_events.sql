create function claim_events(p_batch integer) returns table (id uuid, cloud_event jsonb)
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_ids uuid[];
    v_now timestamptz := clock_timestamp();  -- no index is searched for what may change meanwhile
begin
    -- One worker at a time, so that positions are in the order of publication. One that falls silent meanwhile
    -- must not stop the others for long.
    if not pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' claiming of events', 0)) then
        return;
    end if;
    perform set_config('idle_in_transaction_session_timeout', '20s', true);
    select array_agg(c.workflow_id) into v_ids
    from (select j.workflow_id from jobs j
          where j.kind = 'correlate' and j.due_at <= v_now
          order by j.due_at, j.seq
          limit p_batch
          for update skip locked) c;
    return query
    select e.id, cloud_event_of(e) from cloud_events e where e.id = any (v_ids) order by e.published_at, e.id;
end
$$;

comment on function claim_events(integer) is
    'Claims, until the end of the transaction, CloudEvents that are to be correlated, oldest first; none while somebody else does.';
