create function check_due_times(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with queue as (
        select j.workflow_id, j.seq, j.kind, j.due_at, j.lease_token is not null as is_leased,
               case when j.kind = 'schedule' then s.next_at
                    when j.seq = 0 and w.started_at is null then legible_time(e.data ->> 'start_at')
                    when j.seq > 0 and e.type in ('timer.set', 'task.retried') then legible_time(e.data ->> 'due_at')
               end as meant_for
        from jobs j
        left join workflows w on w.id = j.workflow_id
        left join schedules s on s.id = j.workflow_id
        left join events e on e.workflow_id = j.workflow_id and e.seq = greatest(j.seq, 1)
        where j.workflow_id between p_first and p_last
    )
    select 'a job is due before its time', q.workflow_id,
           format('%s at %s: due %s, meant for %s', q.kind, q.seq, q.due_at, q.meant_for)
    from queue q
    where q.due_at < q.meant_for and q.kind <> 'schedule'
    union all
    -- turns are put off by a second, again and again perhaps, and leases last for as long as a worker says
    select 'a job has been put off for longer than anything puts it off', q.workflow_id,
           format('%s at %s: due %s', q.kind, q.seq, q.due_at)
    from queue q
    where q.due_at > greatest(q.meant_for, now())
                     + case when q.is_leased then interval '7 days' else interval '1 minute' end
$$;

comment on function check_due_times(uuid, uuid) is
    'Jobs of the workflows, schedules and CloudEvents between two ids that are due at another time than they have to be.';
