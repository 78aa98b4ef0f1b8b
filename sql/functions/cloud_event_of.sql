create function cloud_event_of(p_event cloud_events) returns jsonb
    language sql stable
    set search_path from current
as $$
    select p_event.extensions
        || jsonb_build_object('specversion', '1.0', 'id', p_event.event_id, 'source', p_event.source,
                              'type', p_event.type,
                              'time', to_char(p_event.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || case when p_event.subject is null then '{}' else jsonb_build_object('subject', p_event.subject) end
        || case when p_event.data is null then '{}' else jsonb_build_object('data', p_event.data) end
$$;

comment on function cloud_event_of(cloud_events) is 'A CloudEvent as one JSON object (structured mode of CloudEvents 1.0).';
