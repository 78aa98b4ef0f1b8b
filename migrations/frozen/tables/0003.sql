-- Revision 0003: jobs know their namespace, so that namespaces get their turns side by side, and workflows pause.

alter table jobs add column namespace text not null default '';
alter table subscriptions
    add column namespace text not null default '',
    add column waits_until timestamptz;
create index subscriptions_that_wait on subscriptions (waits_until) where waits_until is not null;
alter table workflows alter column created_at set default clock_timestamp();
comment on column workflows.created_at is 'When it was asked for: the clock''s time, so that it consumes what its own transaction published later only.';
comment on column subscriptions.waits_until is 'It is told of nothing before the CloudEvents that were published up to then are correlated, so that it gets the oldest first; null where that is so.';
update jobs j set namespace = w.namespace from workflows w where w.id = j.workflow_id;
update subscriptions s set namespace = w.namespace from workflows w where w.id = s.workflow_id;
drop index decide_jobs_by_due_time, perform_jobs_by_due_time;
alter table jobs drop constraint a_job_is_of_a_known_kind;
alter table jobs add constraint a_job_is_of_a_known_kind
    check (kind in ('decide', 'perform', 'held decide', 'held perform', 'correlate', 'schedule'));
create index jobs_by_lane_and_due_time on jobs (kind, priority desc, namespace, due_at);
comment on column jobs.kind is 'decide: give the workflow a turn; perform: perform the activity; correlate: find out who may want a CloudEvent; schedule: look after a schedule; held: the workflow is paused.';
comment on column jobs.namespace is 'Namespace of the workflow: jobs of different namespaces get their turns side by side.';
comment on column subscriptions.namespace is 'Namespace of the workflow.';
-- with tables/compression.sql
