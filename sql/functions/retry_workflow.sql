create function retry_workflow(id uuid, from_task text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_workflow workflows;
begin
    -- Locked first, so that nobody retries it, too; refused without having changed anything.
    select * into v_workflow from workflows w where w.id = retry_workflow.id for no key update;
    if v_workflow.id is null then
        perform must_exist(retry_workflow.id);
    end if;
    if v_workflow.status <> 'FAILED' then
        return false;
    end if;
    if retry_workflow.from_task is not null and not exists (
        select from events e
        where e.workflow_id = retry_workflow.id and e.type ~ '^task\.'
          and (e.task = retry_workflow.from_task or task_name(e.task) = retry_workflow.from_task)) then
        raise exception 'the workflow % has run no task %', retry_workflow.id, retry_workflow.from_task
            using errcode = 'PW002',
                  hint = 'Name a task that it has run, or its JSON Pointer, as the view tasks has them; without one it goes on from the task that failed.';
    end if;
    update workflows w
    set last_seq = last_seq + 1, status = 'RUNNING', error = null, ended_at = null
    where w.id = retry_workflow.id;
    insert into events (workflow_id, seq, type, data)
    values (retry_workflow.id, v_workflow.last_seq + 1, 'workflow.retried',
            jsonb_strip_nulls(jsonb_build_object('from_task', retry_workflow.from_task)));
    perform give_turn(retry_workflow.id, v_workflow.namespace, v_workflow.priority);
    return true;
end
$$;

comment on function retry_workflow(uuid, text) is
    'Lets a failed workflow go on from the task that failed, or from another that it has run (its name or JSON Pointer; the last time it ran counts). Tasks around it that run side by side or have a time limit begin anew. False if the workflow is not FAILED.';
