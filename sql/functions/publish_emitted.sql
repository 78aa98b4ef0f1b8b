create function publish_emitted(p_workflows uuid[], p_events jsonb[]) returns void
    language sql
    set search_path from current
as $$
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions, published_by)
    select uuid_by_time(), n.event ->> 'source', n.event ->> 'id', n.event ->> 'type', n.event ->> 'subject',
           (n.event ->> 'time')::timestamptz, n.event -> 'data',
           n.event - array['specversion', 'source', 'id', 'type', 'subject', 'time', 'data'],
           n.workflow_id::text
    from unnest(p_workflows, p_events) as n (workflow_id, event)
    on conflict on constraint a_source_names_each_of_its_events_once do nothing
$$;

comment on function publish_emitted(uuid[], jsonb[]) is 'Publishes the CloudEvents that workflows emitted in a turn.';
