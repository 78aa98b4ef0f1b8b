create table events (
    workflow_id uuid        not null,
    seq         bigint      not null,
    type        text        not null,
    task        text,
    data        jsonb       not null default '{}',
    occurred_at timestamptz not null default clock_timestamp(),
    actor       text        not null default session_user,
    constraint events_are_numbered_within_their_workflow
        primary key (workflow_id, seq),
    constraint numbers_count_from_one
        check (seq >= 1)
) with (autovacuum_vacuum_insert_scale_factor = 0.2);

comment on table events is 'The history: every fact of every workflow, append-only, numbered 1..n within each workflow in the order of commit. A plain insert of (workflow_id, type, data) appends an event.';
comment on column events.workflow_id is 'The workflow. There is no foreign key: it would cost a third of a commit, and the numbers come from the workflow''s row anyway.';
comment on column events.seq is 'Position in the workflow''s history; given by the database.';
comment on column events.type is 'What happened, such as task.completed; types of users'' own are kept as given.';
comment on column events.task is 'JSON Pointer of the task in the document, if it happened to a task.';
comment on column events.data is 'What came of it.';
comment on column events.occurred_at is 'When it happened, by the database''s clock; what a worker decided in one turn happened when the turn began.';
comment on column events.actor is 'Who: the worker''s id, or the database user.';
