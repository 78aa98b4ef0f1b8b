create function publish_lifecycle_events(id uuid) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_count bigint;
begin
    perform must_exist(publish_lifecycle_events.id);
    -- whoever publishes the same at the same time waits here, and then finds it published: each counts as new once
    perform pg_advisory_xact_lock(hashtextextended(publish_lifecycle_events.id::text, 0));
    select count(publish_event(n.type, n.data, n.source, n.subject, n.id, n.time)) into v_count
    from (select l.type, l.data, l.source, l.subject, l.id, l.time
          from lifecycle_events l
          where l.workflow_id = publish_lifecycle_events.id
            and not exists (select from cloud_events c where c.source = l.source and c.event_id = l.id)
          order by l.seq, l.position) as n;
    return v_count;
end
$$;

comment on function publish_lifecycle_events(uuid) is
    'Publishes those lifecycle events of a workflow that have not been published yet; returns how many those were.';
