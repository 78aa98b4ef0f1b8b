create function pause_workflow(id uuid, reason text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq bigint;
begin
    perform refuse_text(pause_workflow.reason, 'a reason', 65536);
    update workflows w
    set last_seq = last_seq + 1, status = 'PAUSED'
    where w.id = pause_workflow.id and status in ('PENDING', 'RUNNING')
    returning last_seq into v_seq;
    if v_seq is null then
        perform must_exist(pause_workflow.id);
        return false;
    end if;
    insert into events (workflow_id, seq, type, data)
    values (pause_workflow.id, v_seq, 'workflow.paused',
            jsonb_strip_nulls(jsonb_build_object('reason', pause_workflow.reason)));
    perform hold_jobs(array[pause_workflow.id]);
    return true;
end
$$;

comment on function pause_workflow(uuid, text) is
    'Pauses a workflow: no task of it begins, no timer fires and no CloudEvent is consumed until it is resumed; what is being performed is finished. False if it has ended or is paused already.';
