create function tell_listeners(p_workflows uuid[], p_seqs bigint[]) returns void
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select s.workflow_id, -min(c.position), s.kind, now(), s.namespace, s.priority
    from unnest(p_workflows, p_seqs) as l (workflow_id, seq)
    join subscriptions s on s.workflow_id = l.workflow_id and s.seq = l.seq and not waits_for_older(s.waits_until)
    cross join lateral (
        select e.position from correlated_events e
        where e.correlation = s.correlation and e.value = s.value and e.position > s.seen
          and e.published_at >= s.published_from
          and not exists (select from consumptions k
                          where k.workflow_id = s.workflow_id and k.event_id = e.event_id)
        order by e.position limit 1) c
    group by s.workflow_id, s.seq, s.kind, s.namespace, s.priority
    on conflict do nothing;
end
$$;

comment on function tell_listeners(uuid[], bigint[]) is
    'Gives those of the listeners a job who have CloudEvents to look at.';
