create function standing_events(p_first uuid, p_last uuid) returns setof events
    language sql stable security definer
    set search_path from current
as $$
    with undone as materialized (
        -- a failure that was retried, and what was done after the point to which the workflow then went back
        select r.workflow_id, r.seq - 1 as first, r.seq as until
        from events r where r.workflow_id between p_first and p_last and r.type = 'workflow.retried'
        union all
        select r.workflow_id, (r.data ->> 'to')::bigint + 1, r.seq
        from events r where r.workflow_id between p_first and p_last and r.type = 'workflow.rewound'
    )
    select e.* from events e
    where e.workflow_id between p_first and p_last
      and not exists (select from undone u
                      where u.workflow_id = e.workflow_id and e.seq >= u.first and e.seq < u.until)
$$;

comment on function standing_events(uuid, uuid) is
    'The events of the workflows between two ids, but for what was undone when a failed workflow was retried.';
