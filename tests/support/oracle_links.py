"""The oracle's checks of what is between workflows and others: CloudEvents, children and schedules."""

from __future__ import annotations

from typing import Final

_ENDED = "('COMPLETED', 'FAILED', 'CANCELLED')"

_OPEN_LISTENS = f"""
    (select l.workflow_id, (l.data ->> 'start')::bigint as seq, l.data -> 'subscriptions' as wanted
     from events l join workflows w on w.id = l.workflow_id and w.status not in {_ENDED}
     where l.type = 'listen.started'
       and not exists (select from events e where e.workflow_id = l.workflow_id and e.seq > l.seq
                         and e.data -> 'ends_listen' = 'true' and e.data ->> 'start' = l.data ->> 'start'))"""

_STARTED_CHILDREN = """
    (select c.workflow_id, (c.data ->> 'start')::bigint as seq, (c.data ->> 'child')::uuid as child,
            coalesce((c.data -> 'waits')::boolean, false) as waits
     from events c
     where c.type = 'child.started'
       -- what was begun and given up in one turn nobody was asked for, unless it runs alone
       and not (c.data -> 'waits' = 'true' and exists (
                       select from events e where e.workflow_id = c.workflow_id and e.seq > c.seq
                         and e.occurred_at = c.occurred_at
                         and (e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled')
                              or e.data ? 'ends_child' and e.data ->> 'start' = c.data ->> 'start')))
       -- nor was one that is not defined
       and not exists (select from events e where e.workflow_id = c.workflow_id and e.type = 'child.failed'
                         and e.data ->> 'start' = c.data ->> 'start' and not e.data ? 'status'))"""

_EMITTED = """
    (select e.workflow_id, e.seq,
            case when e.data -> 'emits' = 'true' then e.data -> 'output' else e.data -> 'emits' end as event
     from events e where e.data ? 'emits')"""

_MAIL = """
    (select s.workflow_id, s.seq, s.kind, c.position
     from subscriptions s
     join correlated_events c on c.correlation = s.correlation and c.value = s.value
          and c.position > s.seen and c.published_at >= s.published_from
     where not exists (select from consumptions k where k.workflow_id = s.workflow_id
                         and k.event_id = c.event_id))"""

LINKS: Final = {
    "somebody listens who is not there, or not any more": f"""
        select s.workflow_id, format('%s at %s', s.kind, s.seq) from subscriptions s
        where not case s.kind
            when 'schedule' then exists (select from schedules d where d.id = s.workflow_id)
            else exists (select from {_OPEN_LISTENS} l where l.workflow_id = s.workflow_id and l.seq = s.seq)
            end""",
    "a listen has begun and is subscribed to nothing that it wants": f"""
        select l.workflow_id, format('at %s', l.seq) from {_OPEN_LISTENS} l
        where jsonb_array_length(l.wanted) <> (
            select count(*) from subscriptions s where s.workflow_id = l.workflow_id and s.seq = l.seq)""",
    "what a workflow received is not what it consumed": """
        select coalesce(r.workflow_id, k.workflow_id),
               format('received at %s, consumed by %s: %s', r.seq, k.seq, coalesce(r.event_id, k.event_id))
        from (select e.workflow_id, e.seq, (e.data ->> 'start')::bigint as start,
                     (e.data ->> 'received')::uuid as event_id
              from events e where e.type = 'event.received') r
        full join (select k.* from consumptions k join workflows w on w.id = k.workflow_id) k
             on k.workflow_id = r.workflow_id and k.event_id = r.event_id and k.seq = r.start
        where r.seq is null or k.seq is null""",
    "a workflow received the same CloudEvent twice": """
        select e.workflow_id, format('%s at %s', e.data ->> 'received', array_agg(e.seq)) from events e
        where e.type = 'event.received' group by e.workflow_id, e.data ->> 'received' having count(*) > 1""",
    "a workflow received what was not published, or not since it was created": """
        select e.workflow_id, format('at %s', e.seq) from events e
        join workflows w on w.id = e.workflow_id
        left join cloud_events c on c.id = (e.data ->> 'received')::uuid
             and c.source = e.data #>> '{cloud_event,source}' and c.event_id = e.data #>> '{cloud_event,id}'
             and c.data is not distinct from e.data #> '{cloud_event,data}'
        where e.type = 'event.received' and (c.id is null or c.published_at < w.created_at)""",
    "a listen received CloudEvents in another order than theirs": """
        select o.workflow_id, format('at %s', o.seq)
        from (select e.workflow_id, e.seq, c.position, c.published_at,
                     lag(c.position) over listen as position_before,
                     lag(c.published_at) over listen as published_before
              from events e
              join events l on l.workflow_id = e.workflow_id and l.type = 'listen.started'
                   and l.data ->> 'start' = e.data ->> 'start'
                   and jsonb_array_length(l.data -> 'subscriptions') = 1
              join correlated_events c on c.event_id = (e.data ->> 'received')::uuid
                   and c.correlation = l.data #>> '{subscriptions,0,correlation}'
              where e.type = 'event.received'
              window listen as (partition by e.workflow_id, l.seq order by e.seq)) o
        -- what was published earlier and correlated later may come before or after
        where o.position <= o.position_before and o.published_at <= o.published_before""",
    "a CloudEvent that was emitted was not published": f"""
        select m.workflow_id, format('at %s', m.seq) from {_EMITTED} m
        where not exists (select from cloud_events c
                          where c.source = m.event ->> 'source' and c.event_id = m.event ->> 'id')""",
    "a CloudEvent was published for a workflow that did not emit it": f"""
        select w.id, c.event_id from cloud_events c join workflows w on w.id::text = c.published_by
        where not exists (select from {_EMITTED} m where m.workflow_id = w.id
                            and c.source = m.event ->> 'source' and c.event_id = m.event ->> 'id')""",
    "a CloudEvent was not correlated, and nobody will do it": """
        select e.id, c.id from cloud_events e
        join correlations c on (c.type is null or c.type = e.type) and c.keys = '[]'
             and c.since <= e.published_at
        where not exists (select from correlated_events o where o.correlation = c.id and o.event_id = e.id)
          and not exists (select from jobs j where j.workflow_id = e.id and j.kind = 'correlate')""",
    "a listener was not told of a CloudEvent": f"""
        select m.workflow_id, format('%s at %s: position %s', m.kind, m.seq, m.position) from {_MAIL} m
        where not exists (select from jobs j where j.workflow_id = m.workflow_id and j.seq <= 0)
          -- one that does something with each takes the next when it has dealt with the last
          and not exists (select from events e where e.workflow_id = m.workflow_id and e.seq = m.seq
                            and e.data ? 'opens')""",
    "a child that was started is not there": f"""
        select c.workflow_id, format('%s at %s', c.child, c.seq) from {_STARTED_CHILDREN} c
        left join workflows w on w.id = c.child and w.parent_id = c.workflow_id and w.parent_seq = c.seq
             and w.parent_waits = c.waits
        where w.id is null""",
    "a workflow has a parent that did not start it": f"""
        select w.id, w.parent_id::text from workflows w
        where w.parent_id is not null
          and not exists (select from {_STARTED_CHILDREN} c
                          where c.child = w.id and c.workflow_id = w.parent_id)""",
    "a parent knows another end of its child than that": """
        select e.workflow_id, format('%s at %s, the child is %s', e.type, e.seq, w.status) from events e
        left join workflows w on w.parent_id = e.workflow_id and w.parent_seq = (e.data ->> 'start')::bigint
        where e.type = 'child.completed' and w.status is distinct from 'COMPLETED'
           or e.type = 'child.failed' and e.data ->> 'status' is distinct from w.status""",
    "a parent waits for a child that has ended": f"""
        select p.id, format('at %s', c.parent_seq) from workflows c
        join workflows p on p.id = c.parent_id and p.status not in {_ENDED}
        where c.parent_waits and c.status in {_ENDED}
          and not exists (select from events e where e.workflow_id = p.id and e.seq > c.parent_seq
                            and e.type in ('child.completed', 'child.failed', 'task.cancelled', 'task.failed')
                            and e.data ->> 'start' = c.parent_seq::text)
          and not exists (select from jobs j where j.workflow_id = p.id and j.seq = c.parent_seq)""",
    "a child lives that nobody waits for any more": f"""
        select c.id, c.status from workflows c join workflows p on p.id = c.parent_id
        where c.parent_waits and c.status not in {_ENDED}
          and (p.status in {_ENDED}
               or exists (select from events e where e.workflow_id = p.id and e.data ? 'ends_child'
                            and e.data ->> 'ends_child' = c.id::text))
          and not exists (select from jobs j where j.workflow_id = c.id and j.seq = -1)""",
    "a schedule has not started as many workflows as it says": """
        select s.id, format('%s says %s, there are %s', s.name, s.runs, count(w.id)) from schedules s
        left join workflows w on w.namespace = s.namespace and w.name = s.name and w.version = s.version
        group by s.id, s.name, s.runs having count(w.id) <> s.runs""",
    "a schedule stands still": f"""
        select s.id, s.name from schedules s left join workflows w on w.id = s.last_workflow_id
        where s.problem is null and not exists (select from jobs j where j.workflow_id = s.id)
          and (s.schedule ?| '{{every,cron}}'
               or s.schedule ? 'after' and (w.id is null or w.status in {_ENDED})
               or s.schedule ? 'on'
                  and not exists (select from subscriptions b where b.workflow_id = s.id))""",
    "a schedule is due, and nobody will look after it then": """
        select s.id, s.name from schedules s
        where s.problem is null and s.next_at is not null
          and not exists (select from jobs j where j.workflow_id = s.id and j.due_at <= s.next_at)""",
}
"""What is wrong, and the statement that finds it: whom it is about, and a detail."""
