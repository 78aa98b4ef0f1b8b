create function undone(p_workflow uuid, p_until bigint default null) returns int8range[]
    language sql stable
    set search_path from current
as $$
    select array_agg(int8range((r.data ->> 'to')::bigint + 1, r.seq)) from events r
    where r.workflow_id = p_workflow and r.type = 'workflow.rewound' and (p_until is null or r.seq <= p_until)
$$;

comment on function undone(uuid, bigint) is
    'The events, from one number to before another, that retries of a workflow went back before, up to an event (null: the newest); null if there are none.';
