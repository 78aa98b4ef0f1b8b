create function give_turn(p_workflow uuid, p_namespace text, p_priority integer) returns void
    language plpgsql
    set search_path from current
as $$
begin
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    values (p_workflow, 0, 'decide', now(), p_namespace, p_priority)
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set due_at = least(jobs.due_at, excluded.due_at);
    perform wake_workers();
end
$$;

comment on function give_turn(uuid, text, integer) is
    'Gives a workflow a turn now, if it has not one to come that is due already, and wakes who takes it.';
