create function append_event(workflow_id uuid, type text, data jsonb default null) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq bigint;
begin
    perform refuse_value(append_event.data, 'the event''s data');
    v_seq := append_to_history(append_event.workflow_id, append_event.type);
    insert into events (workflow_id, seq, type, data)
    values (append_event.workflow_id, v_seq, append_event.type, coalesce(append_event.data, '{}'));
    return v_seq;
end
$$;

comment on function append_event(uuid, text, jsonb) is
    'Appends an event to a workflow''s history, returns its sequence number, and gives the workflow a turn.';
