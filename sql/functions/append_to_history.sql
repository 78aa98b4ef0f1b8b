create function append_to_history(p_workflow uuid, p_type text) returns bigint
    language plpgsql
    set search_path from current
as $$
declare
    v_seq       bigint;
    v_status    text;
    v_namespace text;
    v_priority  integer;
    v_pending   boolean;
begin
    if p_type is null or p_type = '' then
        raise exception 'an event has a type' using errcode = 'PW001', hint = 'Such as order.paid.';
    end if;
    perform refuse_text(p_type, 'the type of an event');
    if is_engines_type(p_type) then
        raise exception 'events of the type % are written by the engine alone', p_type using errcode = 'PW004',
            hint = 'Name the event after what happened in your own domain, such as order.paid; to steer a workflow use cancel_workflow and its like.';
    end if;
    update workflows set last_seq = last_seq + 1
    where id = p_workflow and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    returning last_seq, namespace, priority, started_at is null into v_seq, v_namespace, v_priority, v_pending;
    if v_seq is null then
        select status into v_status from workflows where id = p_workflow;
        if v_status is null then
            perform must_exist(p_workflow);
        end if;
        raise exception 'the workflow % is %, and nothing can be added to its history', p_workflow, v_status
            using errcode = 'PW004', hint = 'Publish a CloudEvent, which others may consume, or start another workflow.';
    end if;
    if v_pending then
        return v_seq;  -- its first turn is still to come, at the time that was asked for, and sees the event
    end if;
    perform give_turn(p_workflow, v_namespace, v_priority);
    return v_seq;
end
$$;

comment on function append_to_history(uuid, text) is
    'Takes the next sequence number of a workflow for an event of the type, and gives the workflow a turn.';
