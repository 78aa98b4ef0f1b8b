-- Revision 0003: jobs know their namespace, so that namespaces get their turns side by side.

alter table jobs add column namespace text not null default '';
alter table subscriptions add column namespace text not null default '';
update jobs j set namespace = w.namespace from workflows w where w.id = j.workflow_id;
update subscriptions s set namespace = w.namespace from workflows w where w.id = s.workflow_id;
drop index decide_jobs_by_due_time, perform_jobs_by_due_time;
create index jobs_by_lane_and_due_time on jobs (kind, priority, namespace, due_at);
comment on column jobs.namespace is 'Namespace of the workflow: jobs of different namespaces get their turns side by side.';
comment on column subscriptions.namespace is 'Namespace of the workflow.';
