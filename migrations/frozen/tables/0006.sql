-- Revision 0006: long activities tell how far they are.
alter table jobs
    add column running_since timestamptz,
    add column output_bytes bigint,
    add column messages bigint;

comment on column jobs.running_since is 'Since when the activity is being performed, once it has been for a while.';
comment on column jobs.output_bytes is 'How much a long activity had received or written by the last heartbeat, in bytes.';
comment on column jobs.messages is 'How many messages a long activity had received by the last heartbeat.';

alter table workers
    add column busy_since timestamptz,
    add column output_bytes bigint not null default 0;

comment on column workers.busy_since is 'Since when it performs the longest of its long activities, as it was at the last heartbeat.';
comment on column workers.output_bytes is 'How much its long activities had received or written by then, in bytes.';
