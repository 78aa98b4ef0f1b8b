create function timeline(id uuid, width integer default 40) returns table (
    task     text,
    chart    text,
    status   text,
    began    interval,
    duration interval
)
    language plpgsql stable security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_width integer := greatest(least(coalesce(timeline.width, 40), 1000), 10);
    v_from  timestamptz;
    v_to    timestamptz;
begin
    perform must_exist(timeline.id);
    select least(w.created_at, min(e.occurred_at)), coalesce(w.ended_at, clock_timestamp()) into v_from, v_to
    from workflows w left join events e on e.workflow_id = w.id and e.seq = 1
    where w.id = timeline.id
    group by w.created_at, w.ended_at;
    v_to := greatest(v_to, v_from + interval '1 microsecond');
    return query
    select repeat('  ', greatest(regexp_count(t.task, '/[0-9]+/') - 1, 0)) || t.name
               || case when t.iteration is null then '' else format('[%s]', t.iteration) end,
           repeat(' ', place.first) || repeat(case t.status when 'COMPLETED' then '#' when 'FAILED' then 'x'
                                                            when 'RUNNING' then '>' when 'SCHEDULED' then '.'
                                                            else '-' end, place.many)
               || repeat(' ', v_width - place.first - place.many),
           t.status,
           t.started_at - v_from,
           coalesce(t.ended_at, v_to) - t.started_at
    from tasks t
    cross join lateral (
        select least(greatest(floor(extract(epoch from t.started_at - v_from) / extract(epoch from v_to - v_from) * v_width),
                              0), v_width - 1)::integer as first) left_
    cross join lateral (
        select left_.first,
               least(greatest(ceil(extract(epoch from coalesce(t.ended_at, v_to) - t.started_at)
                                   / extract(epoch from v_to - v_from) * v_width), 1),
                     v_width - left_.first)::integer as many) place
    where t.workflow_id = timeline.id
    order by t.seq;
end
$$;

comment on function timeline(uuid, integer) is
    'A Gantt chart of a workflow''s tasks: # completed, x failed, > running, . waiting for a worker, - skipped or cancelled. The chart is width characters wide.';
