create function check_numbering(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with counted as (
        select w.id, w.status, w.last_seq, w.folded_seq, count(e.seq) as events, min(e.seq) as first, max(e.seq) as last,
               array_agg(e.seq) filter (where e.type = 'workflow.started') as started,
               -- what failed may have been retried
               array_agg(e.type order by e.seq) filter (
                   where e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled') and e.seq > r.seq) as ended,
               min(e.seq) filter (
                   where e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled') and e.seq > r.seq) as ended_at
        from workflows w
        left join events e on e.workflow_id = w.id
        cross join lateral (select coalesce(max(a.seq), 0) as seq from events a
                            where a.workflow_id = w.id and a.type = 'workflow.retried') r
        where w.id between p_first and p_last
        group by w.id
    )
    select 'the numbers of the events are not 1..n, or last_seq is not n', id,
           format('last_seq %s; %s events from %s to %s', last_seq, events, first, last)
    from counted where events <> last_seq or first is distinct from 1 or last is distinct from last_seq
    union all
    select 'the history does not begin with the only workflow.started', id, format('workflow.started at %s', started)
    from counted where started is distinct from '{1}'
    union all
    select 'the terminal events are not those of the status', id, format('%s with %s', status, coalesce(ended, '{}'))
    from counted
    where ended is distinct from case when status in ('COMPLETED', 'FAILED', 'CANCELLED')
                                      then array['workflow.' || lower(status)] end
    union all
    select 'something follows the terminal event', id, format('it is %s of %s', ended_at, last)
    from counted where last > ended_at
    union all
    select 'a worker is believed to know more than there is', id, format('folded_seq %s of %s', folded_seq, last_seq)
    from counted where folded_seq > last_seq
    union all
    select 'events belong to no workflow', e.workflow_id, format('%s events', count(*))
    from events e
    where e.workflow_id between p_first and p_last and not exists (select from workflows w where w.id = e.workflow_id)
    group by e.workflow_id
$$;

comment on function check_numbering(uuid, uuid) is
    'What is wrong with the numbers and the ends of the histories of the workflows between two ids.';
