create function check_results(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with of_tasks as (
        select e.* from standing_events(p_first, p_last) e
        where split_part(e.type, '.', 1) in ('task', 'branch', 'extension')
    ), ends as (
        select e.workflow_id, e.seq, e.type, e.task, e.data, e.start
        from of_tasks e
        where e.start is not null
          and e.type in ('task.completed', 'task.failed', 'task.cancelled', 'branch.completed', 'branch.failed',
                         'branch.cancelled', 'extension.completed', 'extension.failed', 'extension.cancelled')
    ), starts as (
        select e.workflow_id, e.seq, e.type, e.task, e.data
        from of_tasks e
        where e.type in ('task.started', 'branch.started', 'extension.started')
    ), pairs as (
        select r.*, s.seq as started, s.data as scheduled
        from ends r
        left join starts s on s.workflow_id = r.workflow_id and s.seq = r.start and s.seq < r.seq
             and s.task is not distinct from r.task and split_part(s.type, '.', 1) = split_part(r.type, '.', 1)
    )
    select 'what began once has ended more than once', r.workflow_id,
           format('start %s, ends %s', r.start, array_agg(r.seq order by r.seq))
    from ends r group by r.workflow_id, r.start having count(*) > 1
    union all
    select 'what began has not ended, and its workflow is COMPLETED', s.workflow_id, format('%s at %s', s.type, s.seq)
    from starts s
    join workflows w on w.id = s.workflow_id and w.status = 'COMPLETED'
    where not exists (select from ends r where r.workflow_id = s.workflow_id and r.start = s.seq)
    union all
    select 'an end has no beginning before it', p.workflow_id, format('%s at %s', p.type, p.seq)
    from pairs p where p.started is null
    union all
    select 'a result does not say which attempt it is of, and under which lease', p.workflow_id,
           format('%s at %s', p.type, p.seq)
    from pairs p
    where p.scheduled ? 'activity' and p.type = 'task.completed'
      and not (p.data ? 'token' and p.data -> 'attempt' between '1' and '2147483647') is true
$$;

comment on function check_results(uuid, uuid) is
    'What is wrong with the results of tasks, branches and extensions of the workflows between two ids: each activation ends once.';
