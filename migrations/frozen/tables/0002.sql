-- Revision 0002: CloudEvents that workflows listen for, workflows that run others, schedules, snapshots.

alter table workflows
    add column event_floor bigint not null default 0,
    add column parent_seq bigint,
    add column parent_waits boolean not null default false,
    add constraint only_a_parent_waits check (parent_id is not null or not parent_waits);
create index workflows_by_parent on workflows (parent_id, parent_seq) where parent_id is not null;
comment on column workflows.event_floor is 'Position of the newest correlated CloudEvent when the workflow was created: what it can consume lies beyond.';
comment on column workflows.parent_seq is 'The event in the parent''s history that started this one.';
comment on column workflows.parent_waits is 'The parent waits for the end of this one.';

alter table jobs drop constraint a_job_decides_or_performs;
alter table jobs add constraint a_job_is_of_a_known_kind
    check (kind in ('decide', 'perform', 'correlate', 'schedule'));
create index correlate_jobs_by_due_time on jobs (due_at, seq) where kind = 'correlate';
create index schedule_jobs_by_due_time on jobs (due_at) where kind = 'schedule';

alter table cloud_events alter column published_at set default clock_timestamp();
comment on column jobs.workflow_id is 'The workflow; for correlate the CloudEvent, for schedule the schedule.';
comment on column jobs.seq is 'Sequence number of the event that scheduled the job: a timer or an activity; 0 for a turn of the workflow as such. Below zero: -1 to cancel itself because its parent wants that, otherwise minus the position of a CloudEvent that it may want.';
comment on column jobs.kind is 'decide: give the workflow a turn; perform: perform the activity; correlate: find out who may want a CloudEvent; schedule: look after a schedule.';
comment on column cloud_events.published_at is 'When it was published here: the clock''s time, so that several of one transaction keep their order.';

-- with tables/event_clock.sql
-- with tables/correlations.sql
-- with tables/correlated_events.sql
-- with tables/subscriptions.sql
-- with tables/consumptions.sql
-- with tables/schedules.sql
-- with tables/snapshots.sql
-- with tables/resources.sql
