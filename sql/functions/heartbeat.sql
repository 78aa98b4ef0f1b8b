create function heartbeat(
    p_worker text, p_busy integer, p_lease interval, p_workflows uuid[], p_seqs bigint[], p_tokens uuid[]
) returns table (known boolean, workflow_id uuid, seq bigint)
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
begin
    update workers set heartbeat_at = clock_timestamp(), busy = p_busy where id = p_worker;
    return query select found, null::uuid, null::bigint;
    perform forget_workers(null, 10 * p_lease);
    -- skip locked: a job that somebody holds this moment is about to end or gets its beat next time
    update jobs j
    set due_at = clock_timestamp() + p_lease
    from (select l.workflow_id, l.seq
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
               on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token
          for update of l skip locked) held
    where j.workflow_id = held.workflow_id and j.seq = held.seq;
    return query
    select true, p.workflow_id, p.seq
    from unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
    where not exists (
        select from jobs j
        where j.workflow_id = p.workflow_id and j.seq = p.seq and j.lease_token = p.token);
end
$$;

comment on function heartbeat(text, integer, interval, uuid[], bigint[], uuid[]) is
    'Says that the worker is alive, extends its leases, and forgets workers that have been silent for ten leases. The first row tells whether the worker is known (it was forgotten otherwise), the others which leases it has lost (cancelled, or taken back).';
