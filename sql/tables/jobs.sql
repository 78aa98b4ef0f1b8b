create table jobs (
    workflow_id  uuid        not null,
    seq          bigint      not null default 0,
    kind         text        not null,
    due_at       timestamptz not null default now(),
    priority     integer     not null default 0,
    attempt      integer     not null default 0,
    lease_token  uuid,
    worker_id    text,
    leased_until timestamptz generated always as (case when lease_token is not null then due_at end) stored,
    created_at   timestamptz not null default now(),
    namespace    text        not null default '',
    running_since timestamptz,
    output_bytes  bigint,
    messages      bigint,
    constraint a_job_is_known_by_the_event_that_scheduled_it
        primary key (workflow_id, seq),
    constraint a_job_is_of_a_known_kind
        check (kind in ('decide', 'perform', 'held decide', 'held perform', 'correlate', 'schedule')),
    constraint only_performing_is_leased
        check (lease_token is null or kind = 'perform'),
    constraint a_lease_has_a_holder
        check ((lease_token is null) = (worker_id is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 10000);

create index jobs_by_lane_and_due_time on jobs (kind, priority desc, namespace, due_at);
create index correlate_jobs_by_due_time on jobs (due_at, seq) where kind = 'correlate';
create index schedule_jobs_by_due_time on jobs (due_at) where kind = 'schedule';

comment on table jobs is 'What is to be done: a cache of what the histories say, and empty when nothing is to be done.';
comment on column jobs.workflow_id is 'The workflow; for correlate the CloudEvent, for schedule the schedule.';
comment on column jobs.seq is 'Sequence number of the event that scheduled the job: a timer or an activity; 0 for a turn of the workflow as such. Below zero: -1 to cancel itself because its parent wants that, otherwise minus the position of a CloudEvent that it may want.';
comment on column jobs.kind is 'decide: give the workflow a turn; perform: perform the activity; correlate: find out who may want a CloudEvent; schedule: look after a schedule; held: the workflow is paused.';
comment on column jobs.due_at is 'When it may be claimed; a leased job, when its lease runs out.';
comment on column jobs.namespace is 'Namespace of the workflow: jobs of different namespaces get their turns side by side.';
comment on column jobs.priority is 'Priority of the workflow; higher goes first.';
comment on column jobs.attempt is 'How often it was claimed under a lease; for decide, how often deciding failed.';
comment on column jobs.lease_token is 'Token of the lease: a result counts only as long as this is still its token.';
comment on column jobs.worker_id is 'The worker that holds the lease.';
comment on column jobs.leased_until is 'When the lease runs out.';
comment on column jobs.created_at is 'When it was scheduled.';
comment on column jobs.running_since is 'Since when the activity is being performed, once it has been for a while.';
comment on column jobs.output_bytes is 'How much a long activity had received or written by the last heartbeat, in bytes.';
comment on column jobs.messages is 'How many messages a long activity had received by the last heartbeat.';
