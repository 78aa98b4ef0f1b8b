create table workflows (
    id              uuid        not null,
    namespace       text        not null,
    name            text        not null,
    version         text        not null,
    status          text        not null default 'PENDING',
    input           jsonb,
    output          jsonb,
    error           jsonb,
    last_seq        bigint      not null default 0,
    parent_id       uuid,
    labels          jsonb       not null default '{}',
    idempotency_key text,
    priority        integer     not null default 0,
    created_at      timestamptz not null default clock_timestamp(),
    started_at      timestamptz,
    ended_at        timestamptz,
    folded_by       uuid,
    folded_seq      bigint      not null default 0,
    event_floor     bigint      not null default 0,
    parent_seq      bigint,
    parent_waits    boolean     not null default false,
    constraint a_workflow_is_known_by_its_id
        primary key (id),
    constraint a_status_is_one_of_the_known
        check (status in ('PENDING', 'RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED')),
    constraint an_ended_workflow_says_when
        check ((ended_at is not null) = (status in ('COMPLETED', 'FAILED', 'CANCELLED'))),
    constraint labels_are_an_object
        check (jsonb_typeof(labels) = 'object'),
    constraint only_a_parent_waits
        check (parent_id is not null or not parent_waits)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);

create unique index an_idempotency_key_starts_one_workflow
    on workflows (namespace, name, idempotency_key) where idempotency_key is not null;
create index workflows_by_parent on workflows (parent_id, parent_seq) where parent_id is not null;
create index workflows_by_age on workflows (created_at desc, id desc);
-- what is in no index here changes at no cost in indexes: the status, above all
create index workflows_by_name on workflows (name, created_at desc, id desc);
create index workflows_by_age_that_ended_badly on workflows (created_at desc, id desc) where error is not null;
create index workflows_by_label on workflows using gin (labels jsonb_path_ops) where labels <> '{}';

comment on table workflows is 'One row a workflow: where it stands, and what went in and came out. The truth is in events.';
comment on column workflows.id is 'The workflow''s id; ids made by start_workflow sort by time.';
comment on column workflows.namespace is 'Namespace of its definition.';
comment on column workflows.name is 'Name of its definition.';
comment on column workflows.version is 'Version of its definition, fixed when it was started.';
comment on column workflows.status is 'PENDING, RUNNING, PAUSED, COMPLETED, FAILED or CANCELLED.';
comment on column workflows.input is 'The input as it was given.';
comment on column workflows.output is 'The output of a COMPLETED workflow.';
comment on column workflows.error is 'The problem object of a FAILED or CANCELLED workflow: type, status, title, detail, instance.';
comment on column workflows.last_seq is 'Sequence number of the newest event.';
comment on column workflows.parent_id is 'The workflow that started this one, if any.';
comment on column workflows.parent_seq is 'The event in the parent''s history that started this one.';
comment on column workflows.parent_waits is 'The parent waits for the end of this one.';
comment on column workflows.labels is 'Labels given at the start, for whoever queries.';
comment on column workflows.idempotency_key is 'Key given at the start: the same key for the same name starts no second workflow.';
comment on column workflows.priority is 'Higher goes first.';
comment on column workflows.created_at is 'When it was asked for: the clock''s time, so that it consumes what its own transaction published later only.';
comment on column workflows.started_at is 'When a worker first took it up.';
comment on column workflows.ended_at is 'When it ended.';
comment on column workflows.folded_by is 'The session of the worker that holds this workflow''s state in memory, a hint.';
comment on column workflows.folded_seq is 'The event up to which that worker''s state goes.';
comment on column workflows.event_floor is 'Position of the newest correlated CloudEvent when the workflow was created: what it can consume lies beyond.';
