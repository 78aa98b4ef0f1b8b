create table workers (
    id           text        not null,
    host         text        not null,
    pid          integer     not null,
    version      text        not null,
    slots        integer     not null,
    busy         integer     not null default 0,
    idle         boolean     not null default false,
    started_at   timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    busy_since   timestamptz,
    output_bytes bigint      not null default 0,
    constraint a_worker_is_known_by_its_id
        primary key (id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

comment on table workers is 'The worker processes that are alive, or were until a moment ago.';
comment on column workers.id is 'The worker''s id.';
comment on column workers.host is 'Host it runs on.';
comment on column workers.pid is 'Process id there.';
comment on column workers.version is 'Its version of pgworker.';
comment on column workers.slots is 'How many activities it performs at once.';
comment on column workers.busy is 'How many it performs now.';
comment on column workers.idle is 'It sleeps: whoever adds a job wakes it by a notification.';
comment on column workers.started_at is 'When it came up.';
comment on column workers.heartbeat_at is 'When it was last heard of.';
comment on column workers.busy_since is 'Since when it performs the longest of its long activities, as it was at the last heartbeat.';
comment on column workers.output_bytes is 'How much its long activities had received or written by then, in bytes.';
