create table event_clock (
    single   boolean not null default true,
    position bigint  not null default 1000,
    constraint there_is_one_clock
        primary key (single),
    constraint it_is_the_only_one
        check (single)
) with (fillfactor = 10);

insert into event_clock default values;

comment on table event_clock is 'One row: the position of the newest correlated CloudEvent.';
comment on column event_clock.single is 'Always true.';
comment on column event_clock.position is 'Moved on by correlate_events alone, under its lock: positions are in the order of commits.';
