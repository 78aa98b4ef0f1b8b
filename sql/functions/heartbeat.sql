create function heartbeat(
    p_worker       text,
    p_busy         integer,
    p_lease        interval,
    p_workflows    uuid[],
    p_seqs         bigint[],
    p_tokens       uuid[],
    p_seconds      double precision[] default null,
    p_output_bytes bigint[] default null,
    p_messages     bigint[] default null
) returns table (known boolean, workflow_id uuid, seq bigint)
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
begin
    update workers
    set heartbeat_at = v_now, busy = p_busy,
        busy_since = v_now - (select max(s.seconds) from unnest(p_seconds) as s (seconds)) * interval '1 second',
        output_bytes = (select coalesce(sum(s.bytes), 0) from unnest(p_output_bytes) as s (bytes))
    where id = p_worker;
    return query select found, null::uuid, null::bigint;
    perform forget_workers(null, 10 * p_lease);
    -- skip locked: a job that somebody holds this moment is about to end or gets its beat next time
    update jobs j
    set due_at = clock_timestamp() + p_lease,
        running_since = v_now - held.seconds * interval '1 second',
        output_bytes = held.output_bytes,
        messages = held.messages
    from (select l.workflow_id, l.seq, p.seconds, p.output_bytes, p.messages
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens, p_seconds, p_output_bytes, p_messages)
               as p (workflow_id, seq, token, seconds, output_bytes, messages)
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

comment on function heartbeat(text, integer, interval, uuid[], bigint[], uuid[], double precision[], bigint[], bigint[]) is
    'Says that the worker is alive, extends its leases, tells of those activities that are long how many seconds they have been performed and what they have given so far (null for the others), and forgets workers that have been silent for ten leases. The first row tells whether the worker is known (it was forgotten otherwise), the others which leases it has lost (cancelled, or taken back).';
