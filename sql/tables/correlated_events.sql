create table correlated_events (
    correlation  text        not null,
    value        text        not null,
    position     bigint      not null,
    event_id     uuid        not null,
    published_at timestamptz not null,
    constraint correlated_events_are_found_by_value_in_order
        primary key (correlation, value, position),
    constraint a_correlation_gives_an_event_one_value
        unique (correlation, event_id)
);

comment on table correlated_events is 'What value each CloudEvent has by each correlation: how those who listen find what was published.';
comment on column correlated_events.correlation is 'The correlation.';
comment on column correlated_events.value is 'Digest of the values of its keys.';
comment on column correlated_events.position is 'Where it stands among all correlated CloudEvents; below a committed position nothing is added any more.';
comment on column correlated_events.event_id is 'Our id of the CloudEvent.';
comment on column correlated_events.published_at is 'When it was published.';
