create function legible_events(p_first uuid, p_last uuid) returns table (
    workflow_id uuid,
    seq         bigint,
    type        text,
    task        text,
    data        jsonb,
    occurred_at timestamptz,
    start       bigint
)
    language sql stable security definer
    set search_path from current
as $$
    select e.workflow_id, e.seq, e.type, e.task, d.data, e.occurred_at,
           case when d.data -> 'start' between '0' and '9223372036854775807' then (d.data ->> 'start')::numeric::bigint end
    from events e
    cross join lateral (select case when jsonb_typeof(e.data) = 'object' then e.data else '{}' end as data) d
    where e.workflow_id between p_first and p_last
$$;

comment on function legible_events(uuid, uuid) is
    'The events of the workflows between two ids as checks read them, whatever has become of them: data that is no object is empty, and start is a number or null.';
