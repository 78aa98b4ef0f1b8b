-- Revision 0003: jobs know their namespace, so that namespaces get their turns side by side.

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
create index jobs_by_lane_and_due_time on jobs (kind, priority desc, namespace, due_at);
comment on column jobs.namespace is 'Namespace of the workflow: jobs of different namespaces get their turns side by side.';
comment on column subscriptions.namespace is 'Namespace of the workflow.';
-- with tables/compression.sql
