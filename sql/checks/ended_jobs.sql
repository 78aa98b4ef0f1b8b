create function ended_jobs(p_first uuid, p_last uuid) returns table (
    workflow_id uuid, seq bigint, job numeric
)
    language sql stable security definer
    set search_path from current
as $$
    select e.workflow_id, e.seq, case when jsonb_typeof(j.job) = 'number' then (j.job #>> '{}')::numeric end
    from events e
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof(e.data -> 'ends_jobs') = 'array' then e.data -> 'ends_jobs' end) j (job)
    where e.workflow_id between p_first and p_last and e.data ? 'ends_jobs' and is_engines_type(e.type)
$$;

comment on function ended_jobs(uuid, uuid) is
    'The timers and activities of the workflows between two ids that events have made void: which event, and which job.';
