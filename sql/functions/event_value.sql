create function event_value(p_workflow uuid, p_seq bigint) returns jsonb
    language sql stable strict parallel safe
    set search_path from current
as $$
    -- what a function's task gets is the call's arguments, not its input
    select coalesce(data -> 'output', case when data ->> 'opens' = 'call' then data -> 'arguments' end, data -> 'input')
    from events where workflow_id = p_workflow and seq = p_seq
$$;

comment on function event_value(uuid, bigint) is
    'The value that an event brought: values are kept once, and other events name the event that has them.';
