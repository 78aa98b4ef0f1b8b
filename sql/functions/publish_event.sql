create function publish_event(
    type       text,
    data       jsonb       default null,
    source     text        default '/sql',
    subject    text        default null,
    id         text        default null,
    "time"     timestamptz default null,
    extensions jsonb       default '{}'
) returns uuid
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_id       uuid := uuid_by_time();
    v_event_id text := coalesce(publish_event.id, v_id::text);
    v_source   text := coalesce(publish_event.source, '/sql');
    v_at       timestamptz;
begin
    if coalesce(publish_event.type, '') = '' then
        raise exception 'a CloudEvent has a type' using errcode = 'PW001', hint = 'Such as order.paid.';
    end if;
    if v_source = '' or v_event_id = '' then
        raise exception 'source and id of a CloudEvent are not empty' using errcode = 'PW001',
            hint = 'Leave out what there is nothing to say about.';
    end if;
    if publish_event."time" not between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00' then
        raise exception 'a CloudEvent cannot have the time %', publish_event."time" using errcode = 'PW001',
            hint = 'Leave "time" out if it happened now.';
    end if;
    perform refuse_text(publish_event.subject, 'the subject of a CloudEvent', 65536);
    perform refuse_value(publish_event.data, 'the event''s data');
    perform refuse_value(publish_event.extensions, 'an extension');
    if greatest(octet_length(v_source), octet_length(v_event_id), octet_length(publish_event.type)) > 1024 then
        raise exception 'source, id and type of a CloudEvent have 1024 bytes at most' using errcode = 'PW001',
            hint = 'Put what is longer into its data.';
    end if;
    if jsonb_typeof(publish_event.extensions) <> 'object' then
        raise exception 'extensions are an object' using errcode = 'PW001', hint = 'Such as {"tenant": "a"}.';
    end if;
    if publish_event.extensions ? '' then
        raise exception 'an extension has a name' using errcode = 'PW001',
            hint = 'CloudEvents has small letters and digits in it, such as {"tenant": "a"}.';
    end if;
    if publish_event.extensions ?| array['specversion', 'id', 'source', 'type', 'time', 'subject', 'data', 'data_base64'] then
        raise exception 'an extension has the name of an attribute that every CloudEvent has' using errcode = 'PW001',
            hint = 'Pass it as the argument of that name.';
    end if;
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions)
    values (v_id, v_source, v_event_id, publish_event.type, publish_event.subject,
            coalesce(publish_event."time", now()), publish_event.data, coalesce(publish_event.extensions, '{}'))
    on conflict on constraint a_source_names_each_of_its_events_once do nothing
    returning published_at into v_at;
    if v_at is null then
        select e.id into v_id from cloud_events e where e.source = v_source and e.event_id = v_event_id;
        return v_id;
    end if;
    insert into jobs (workflow_id, seq, kind, due_at) values (v_id, 0, 'correlate', v_at);
    perform wake_workers();
    return v_id;
end
$$;

comment on function publish_event(text, jsonb, text, text, text, timestamptz, jsonb) is
    'Publishes a CloudEvent and returns our id for it. The same source and id again is the same event: nothing is published twice.';
