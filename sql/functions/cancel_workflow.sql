create function cancel_workflow(id uuid, reason text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq   bigint;
    v_ended timestamptz;
    v_error jsonb := jsonb_strip_nulls(jsonb_build_object(
        'type', 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime', 'status', 499,
        'title', 'Cancelled', 'detail', cancel_workflow.reason, 'instance', '/'));
begin
    perform refuse_text(cancel_workflow.reason, 'a reason', 65536);
    update workflows w
    set last_seq = last_seq + 1, status = 'CANCELLED', ended_at = clock_timestamp(), error = v_error
    where w.id = cancel_workflow.id and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    returning last_seq, ended_at into v_seq, v_ended;
    if v_seq is null then
        perform must_exist(cancel_workflow.id);
        return false;
    end if;
    insert into events (workflow_id, seq, type, data, occurred_at)
    values (cancel_workflow.id, v_seq, 'workflow.cancelled', jsonb_build_object('error', v_error), v_ended);
    -- Activities that are being performed lose their leases with their jobs: their results are refused, and
    -- the next heartbeat of their worker ends them.
    delete from jobs where workflow_id = cancel_workflow.id;
    perform workflows_ended(array[cancel_workflow.id]);
    perform wake_workers();
    return true;
end
$$;

comment on function cancel_workflow(uuid, text) is
    'Cancels a workflow; false if it has ended already. Running activities are ended at their worker''s next heartbeat.';
