create function workflows_ended(p_ids uuid[]) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    delete from subscriptions s where s.workflow_id = any (p_ids);
    delete from snapshots s where s.workflow_id = any (p_ids);
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select w.parent_id, w.parent_seq, 'decide', now(), p.namespace, p.priority
    from workflows w
    join workflows p on p.id = w.parent_id
    where w.id = any (p_ids) and w.parent_waits and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    on conflict do nothing;
    insert into jobs (workflow_id, seq, kind, due_at)
    select s.id, 0, 'schedule', now() from schedules s where s.last_workflow_id = any (p_ids) and s.schedule ? 'after'
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set due_at = least(jobs.due_at, excluded.due_at);
end
$$;

comment on function workflows_ended(uuid[]) is
    'What follows from the end of workflows: they listen no more, and the parents and schedules that wait for them are told.';
