create table cloud_events (
    id           uuid        not null,
    source       text        not null,
    event_id     text        not null,
    type         text        not null,
    subject      text,
    time         timestamptz not null default now(),
    data         jsonb,
    extensions   jsonb       not null default '{}',
    published_at timestamptz not null default clock_timestamp(),
    published_by text        not null default session_user,
    constraint a_cloud_event_is_known_by_our_id
        primary key (id),
    constraint a_source_names_each_of_its_events_once
        unique (source, event_id),
    constraint extensions_are_an_object
        check (jsonb_typeof(extensions) = 'object')
);

create index cloud_events_by_type on cloud_events (type, published_at);

comment on table cloud_events is 'CloudEvents that were published, by workflows or by others; one row for each source and id.';
comment on column cloud_events.id is 'Our id; ids sort by time.';
comment on column cloud_events.source is 'The attribute source.';
comment on column cloud_events.event_id is 'The attribute id, unique within the source.';
comment on column cloud_events.type is 'The attribute type.';
comment on column cloud_events.subject is 'The attribute subject.';
comment on column cloud_events.time is 'The attribute time.';
comment on column cloud_events.data is 'The data.';
comment on column cloud_events.extensions is 'All other attributes.';
comment on column cloud_events.published_at is 'When it was published here: the clock''s time, so that several of one transaction keep their order.';
comment on column cloud_events.published_by is 'Who published it: a workflow''s id, or the database user.';
