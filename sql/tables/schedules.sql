create table schedules (
    id               uuid        not null,
    namespace        text        not null,
    name             text        not null,
    version          text        not null,
    schedule         jsonb       not null,
    next_at          timestamptz,
    last_at          timestamptz,
    last_workflow_id uuid,
    runs             bigint      not null default 0,
    listens          jsonb,
    event_floor      bigint      not null default 0,
    problem          text,
    created_at       timestamptz not null default now(),
    constraint a_schedule_is_known_by_its_id
        primary key (id),
    constraint a_name_has_one_schedule
        unique (namespace, name)
);

create index schedules_by_their_last_workflow on schedules (last_workflow_id);

comment on table schedules is 'Workflows that start by themselves: one row for each name whose newest version has a schedule.';
comment on column schedules.id is 'The schedule''s id; a new version gets a new one.';
comment on column schedules.namespace is 'Namespace of the definition.';
comment on column schedules.name is 'Name of the definition.';
comment on column schedules.version is 'Version of the definition that is started.';
comment on column schedules.schedule is 'The schedule as it was written: every, cron, after or on.';
comment on column schedules.next_at is 'When the next workflow starts; null as long as that hangs on something else.';
comment on column schedules.last_at is 'When the last one was due.';
comment on column schedules.last_workflow_id is 'The last one.';
comment on column schedules.runs is 'How many it has started.';
comment on column schedules.listens is 'What has been consumed so far of the CloudEvents that trigger the next one.';
comment on column schedules.event_floor is 'Position of the newest correlated CloudEvent when the schedule came to be.';
comment on column schedules.problem is 'Why it does not run, if it cannot.';
comment on column schedules.created_at is 'When it came to be.';
