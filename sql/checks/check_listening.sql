create function check_listening(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with of_listens as (
        select e.* from standing_events(p_first, p_last) e where e.type in ('listen.started', 'event.received')
    ), begun as (
        select e.workflow_id, e.start,
               case when jsonb_typeof(e.data -> 'subscriptions') = 'array' then e.data -> 'subscriptions' else '[]' end as wanted,
               w.status not in ('COMPLETED', 'FAILED', 'CANCELLED') and not exists (
                   select from events r
                   where r.workflow_id = e.workflow_id and r.seq > e.seq and r.data @> '{"ends_listen": true}'
                     and is_engines_type(r.type)
                     and r.data -> 'start' = e.data -> 'start') as is_live
        from of_listens e join workflows w on w.id = e.workflow_id
        where e.type = 'listen.started'
    ), subscribed as (
        select s.* from subscriptions s where s.workflow_id between p_first and p_last and s.kind = 'decide'
    ), paired as (
        -- what live listens want beside what they are subscribed to, filter by filter
        select coalesce(b.workflow_id, s.workflow_id) as workflow_id, coalesce(b.start, s.seq) as start,
               coalesce(b.filter, s.filter) as filter, b.start is not null as is_wanted, s.seq is not null as is_subscribed,
               b.correlation is not distinct from s.correlation and b.value is not distinct from s.value as agree
        from (select l.workflow_id, l.start, l.is_live,
                     case when f.wanted -> 'filter' between '0' and '2147483647' then (f.wanted ->> 'filter')::numeric::integer end as filter,
                     f.wanted ->> 'correlation' as correlation, f.wanted ->> 'value' as value
              from begun l cross join lateral jsonb_array_elements(l.wanted) as f (wanted) where l.is_live) b
        full join subscribed s on s.workflow_id = b.workflow_id and s.seq = b.start and s.filter = b.filter
    ), received as (
        select e.workflow_id, e.seq, legible_uuid(e.data ->> 'received') as event_id
        from of_listens e where e.type = 'event.received'
    )
    select 'a listen is not subscribed to what it waits for', b.workflow_id, format('start %s, filter %s', b.start, b.filter)
    from paired b where b.is_wanted and not (b.is_subscribed and b.agree)
    union all
    select 'a subscription belongs to no listen that goes on', b.workflow_id, format('start %s, filter %s', b.start, b.filter)
    from paired b where not b.is_wanted
    union all
    select 'a subscription waits for longer than anything that is published now', s.workflow_id,
           format('start %s, filter %s, until %s', s.seq, s.filter, s.waits_until)
    from subscriptions s
    where s.workflow_id between p_first and p_last and s.waits_until > now() + interval '1 minute'
    union all
    select 'a subscription belongs to no schedule', s.workflow_id, format('filter %s', s.filter)
    from subscriptions s
    where s.workflow_id between p_first and p_last and s.kind = 'schedule'
      and not exists (select from schedules c where c.id = s.workflow_id)
    union all
    select 'a subscription does not begin where its workflow does, or is not in its lane', s.workflow_id,
           format('start %s, filter %s', s.seq, s.filter)
    from subscribed s join workflows w on w.id = s.workflow_id
    where s.published_from <> w.created_at or s.namespace <> w.namespace or s.priority <> w.priority
       or s.seen < w.event_floor
    union all
    select 'a listener has looked at CloudEvents that are still to come', o.id, format('up to %s of %s', o.seen, c.position)
    from (select w.id, w.event_floor as seen from workflows w where w.id between p_first and p_last
          union all
          select s.workflow_id, s.seen from subscriptions s where s.workflow_id between p_first and p_last
          union all
          select s.id, s.event_floor from schedules s where s.id between p_first and p_last) o, event_clock c
    where o.seen > c.position
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
    union all
    -- those that have been retried may have come from elsewhere, or had failed and been left without theirs
    select 'a CloudEvent that a live workflow has consumed is gone', c.workflow_id, c.event_id::text
    from consumptions c
    join workflows w on w.id = c.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where c.workflow_id between p_first and p_last
      and not exists (select from cloud_events e where e.id = c.event_id)
      and not exists (select from events r where r.workflow_id = c.workflow_id and r.type = 'workflow.retried')
$$;

comment on function check_listening(uuid, uuid) is
    'What is wrong with the listens of the workflows between two ids: their subscriptions, and what they have consumed.';
