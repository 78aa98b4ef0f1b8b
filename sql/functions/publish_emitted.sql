create function publish_emitted(p_workflows uuid[], p_events jsonb[]) returns void
    language plpgsql
    set search_path from current
    set lock_timeout = '20ms'  -- somebody's open transaction may have published the same, and others wait for this turn
as $$
declare
    v_ids uuid[] := array(select uuid_by_time() from unnest(p_workflows));
begin
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions, published_at, published_by)
    select n.id, n.event ->> 'source', n.event ->> 'id', n.event ->> 'type', n.event ->> 'subject',
           (n.event ->> 'time')::timestamptz, n.event -> 'data',
           n.event - array['specversion', 'source', 'id', 'type', 'subject', 'time', 'data'],
           clock_timestamp() + n.place * interval '1 microsecond',  -- in the order in which they were emitted
           n.workflow_id::text
    from unnest(v_ids, p_workflows, p_events) with ordinality as n (id, workflow_id, event, place)
    order by n.event ->> 'source', n.event ->> 'id'  -- in one order everywhere: two that emit the same wait
    on conflict on constraint a_source_names_each_of_its_events_once do nothing;
    insert into jobs (workflow_id, seq, kind, due_at)
    select e.id, 0, 'correlate', e.published_at from cloud_events e where e.id = any (v_ids);
end
$$;

comment on function publish_emitted(uuid[], jsonb[]) is 'Publishes the CloudEvents that workflows emitted in a turn.';
