create function consume_events(
    p_workflows uuid[], p_seqs bigint[], p_events uuid[],
    p_seen_by uuid[], p_seen_in bigint[], p_seen bigint[], p_look uuid[], p_look_in bigint[]
) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    insert into consumptions (workflow_id, seq, event_id)
    select u.workflow_id, u.seq, u.event_id
    from unnest(p_workflows, p_seqs, p_events) as u (workflow_id, seq, event_id);
    update subscriptions s set seen = u.position
    from unnest(p_seen_by, p_seen_in, p_seen) as u (workflow_id, seq, position)
    where s.workflow_id = u.workflow_id and s.seq = u.seq;
    perform tell_listeners(p_look, p_look_in);
end
$$;

comment on function consume_events(uuid[], bigint[], uuid[], uuid[], bigint[], bigint[], uuid[], bigint[]) is
    'Notes which CloudEvents listens have consumed and up to which they have looked; those that want more are told if there is more.';
