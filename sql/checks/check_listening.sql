create function check_listening(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with begun as (
        select e.workflow_id, (e.data ->> 'start')::bigint as start, jsonb_array_length(e.data -> 'subscriptions') as filters,
               w.status not in ('COMPLETED', 'FAILED', 'CANCELLED') and not exists (
                   select from events r
                   where r.workflow_id = e.workflow_id and r.seq > e.seq and r.data @> '{"ends_listen": true}'
                     and is_engines_type(r.type)
                     and r.data -> 'start' = e.data -> 'start') as is_live
        from standing_events(p_first, p_last) e join workflows w on w.id = e.workflow_id
        where e.type = 'listen.started'
    ), subscribed as (
        select s.workflow_id, s.seq, count(*) as filters
        from subscriptions s
        where s.workflow_id between p_first and p_last and s.kind = 'decide'
        group by s.workflow_id, s.seq
    ), received as (
        select e.workflow_id, e.seq, (e.data ->> 'received')::uuid as event_id
        from standing_events(p_first, p_last) e
        where e.type = 'event.received'
    )
    select 'a listen is not subscribed to what it waits for', b.workflow_id,
           format('start %s: %s filters, %s subscriptions', b.start, b.filters, coalesce(s.filters, 0))
    from begun b left join subscribed s on s.workflow_id = b.workflow_id and s.seq = b.start
    where b.is_live and b.filters is distinct from coalesce(s.filters, 0)
    union all
    select 'a subscription belongs to no listen that goes on', s.workflow_id, format('start %s', s.seq)
    from subscribed s
    where not exists (select from begun b where b.workflow_id = s.workflow_id and b.start = s.seq and b.is_live)
    union all
    select 'a subscription belongs to no schedule', s.workflow_id, format('filter %s', s.filter)
    from subscriptions s
    where s.workflow_id between p_first and p_last and s.kind = 'schedule'
      and not exists (select from schedules c where c.id = s.workflow_id)
    union all
    select 'a CloudEvent was consumed twice by one workflow', r.workflow_id,
           format('%s at %s', r.event_id, array_agg(r.seq order by r.seq))
    from received r group by r.workflow_id, r.event_id having count(*) > 1
    union all
    select 'a CloudEvent was received and is not known to be consumed', r.workflow_id, format('at %s', r.seq)
    from received r
    where not exists (select from consumptions c where c.workflow_id = r.workflow_id and c.event_id = r.event_id)
    union all
    select 'a CloudEvent is said to be consumed that was never received', c.workflow_id, c.event_id::text
    from consumptions c
    where c.workflow_id between p_first and p_last
      and not exists (select from received r where r.workflow_id = c.workflow_id and r.event_id = c.event_id)
      and not exists (select from schedules s where s.id = c.workflow_id)
      and exists (select from workflows w where w.id = c.workflow_id)
$$;

comment on function check_listening(uuid, uuid) is
    'What is wrong with the listens of the workflows between two ids: their subscriptions, and what they have consumed.';
