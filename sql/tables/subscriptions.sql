create table subscriptions (
    workflow_id    uuid        not null,
    seq            bigint      not null,
    filter         integer     not null,
    kind           text        not null default 'decide',
    correlation    text        not null,
    value          text        not null,
    published_from timestamptz not null,
    seen           bigint      not null default 0,
    priority       integer     not null default 0,
    created_at     timestamptz not null default now(),
    namespace      text        not null default '',
    constraint a_subscription_is_known_by_its_listener_and_filter
        primary key (workflow_id, seq, filter),
    constraint a_workflow_or_a_schedule_listens
        check (kind in ('decide', 'schedule'))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

create index subscriptions_by_what_they_want on subscriptions (correlation, value);

comment on table subscriptions is 'Who listens for which CloudEvents: one row for each filter of each live listen, and of each schedule that events trigger.';
comment on column subscriptions.workflow_id is 'The workflow, or the schedule.';
comment on column subscriptions.seq is 'The event that started the listen.';
comment on column subscriptions.filter is 'Which of its filters, from 0.';
comment on column subscriptions.kind is 'The kind of job that tells the listener: decide for a workflow, schedule for a schedule.';
comment on column subscriptions.correlation is 'The correlation by which it finds its CloudEvents.';
comment on column subscriptions.value is 'The value that they have.';
comment on column subscriptions.published_from is 'CloudEvents published before are none of its business.';
comment on column subscriptions.seen is 'Position up to which the listener has looked at them.';
comment on column subscriptions.namespace is 'Namespace of the workflow.';
comment on column subscriptions.priority is 'Priority of the workflow.';
comment on column subscriptions.created_at is 'When the listen began.';
