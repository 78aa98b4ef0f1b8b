create function postpone_turn(p_workflow uuid, p_delay interval) returns integer
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_namespace text;
    v_priority  integer;
    v_strikes   integer;
begin
    select namespace, priority into v_namespace, v_priority from workflows
    where id = p_workflow and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    for no key update;
    if v_priority is null then
        return 0;
    end if;
    update jobs set due_at = clock_timestamp() + p_delay
    where workflow_id = p_workflow and kind = 'decide' and due_at < clock_timestamp() + p_delay;
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority, attempt)
    values (p_workflow, 0, 'decide', clock_timestamp() + p_delay, v_namespace, v_priority, 1)
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set attempt = jobs.attempt + 1
    returning attempt into v_strikes;
    return v_strikes;
end
$$;

comment on function postpone_turn(uuid, interval) is
    'A strike against a workflow that could not be decided upon: its turn comes later. Returns the strikes so far.';
