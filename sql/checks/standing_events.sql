create function standing_events(p_first uuid, p_last uuid) returns table (
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
    with undone as materialized (
        -- a failure that was retried, and what was done after the point to which the workflow then went back
        select r.workflow_id, r.seq - 1 as first, r.seq as until
        from events r where r.workflow_id between p_first and p_last and r.type = 'workflow.retried'
        union all
        select r.workflow_id, (r.data ->> 'to')::numeric::bigint + 1, r.seq
        from events r where r.workflow_id between p_first and p_last and r.type = 'workflow.rewound'
          and r.data -> 'to' between '0' and '9000000000000000000'
    )
    select e.* from legible_events(p_first, p_last) e
    where not exists (select from undone u
                      where u.workflow_id = e.workflow_id and e.seq >= u.first and e.seq < u.until)
$$;

comment on function standing_events(uuid, uuid) is
    'The events of the workflows between two ids, but for what was undone when a failed workflow was retried.';
