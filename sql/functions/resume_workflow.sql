create function resume_workflow(id uuid) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_workflow workflows;
begin
    update workflows w
    set last_seq = last_seq + 1, status = case when started_at is null then 'PENDING' else 'RUNNING' end
    where w.id = resume_workflow.id and status = 'PAUSED'
    returning * into v_workflow;
    if v_workflow.id is null then
        perform must_exist(resume_workflow.id);
        return false;
    end if;
    insert into events (workflow_id, seq, type) values (resume_workflow.id, v_workflow.last_seq, 'workflow.resumed');
    update jobs set kind = substr(kind, 6) where workflow_id = resume_workflow.id and kind like 'held %';
    if v_workflow.status = 'RUNNING' then
        perform give_turn(resume_workflow.id, v_workflow.namespace, v_workflow.priority);
    else
        perform wake_workers();
    end if;
    return true;
end
$$;

comment on function resume_workflow(uuid) is
    'Lets a paused workflow go on: what became due meanwhile happens now. False if it is not paused.';
