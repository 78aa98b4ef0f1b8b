create function mail_of(p_listener uuid, p_most integer default 100) returns json
    language sql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select json_agg(json_build_array(m.seq, m.position, m.event_id, cloud_event_of(e))
                    order by case m.kind when 'decide' then e.published_at end, m.position)
    from (
        select f.seq, f.kind, f.event_id, f.position, row_number() over (partition by f.seq order by f.position) as place
        from (
            select s.seq, s.kind, c.event_id, min(c.position) as position
            from subscriptions s
            cross join lateral (
                select o.position, o.event_id from correlated_events o
                where o.correlation = s.correlation and o.value = s.value and o.position > s.seen
                  and o.published_at >= s.published_from
                  and not exists (select from consumptions k
                                  where k.workflow_id = s.workflow_id and k.event_id = o.event_id)
                order by o.position limit p_most) c
            where s.workflow_id = p_listener and not waits_for_older(s.waits_until)
            group by s.seq, s.kind, c.event_id) f) m
    join cloud_events e on e.id = m.event_id
    where m.place <= p_most
$$;

comment on function mail_of(uuid, integer) is
    'The CloudEvents that a listener may want and has not looked at, oldest first: arrays of the listen, the position, our id and the CloudEvent.';
