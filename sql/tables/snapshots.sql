create table snapshots (
    workflow_id uuid        not null,
    seq         bigint      not null,
    format      integer     not null,
    state       bytea       not null,
    digest      text        not null,
    taken_at    timestamptz not null default now(),
    constraint a_workflow_has_one_snapshot
        primary key (workflow_id)
) with (fillfactor = 70);

comment on table snapshots is 'States of workflows with long histories, to be rebuilt from without reading all of it. A cache: may be emptied at any time.';
comment on column snapshots.workflow_id is 'The workflow.';
comment on column snapshots.seq is 'The event up to which the state goes.';
comment on column snapshots.format is 'Format of the state; workers pass over those they do not know.';
comment on column snapshots.state is 'The state, compressed JSON.';
comment on column snapshots.digest is 'SHA-256 of the state''s canonical text: equal digests, equal states.';
comment on column snapshots.taken_at is 'When it was taken.';
