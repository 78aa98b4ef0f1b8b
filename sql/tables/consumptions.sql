create table consumptions (
    workflow_id uuid   not null,
    event_id    uuid   not null,
    seq         bigint not null,
    constraint a_workflow_consumes_a_cloud_event_once
        primary key (workflow_id, event_id)
);

comment on table consumptions is 'Which CloudEvents a workflow (or a schedule) has consumed: each at most once.';
comment on column consumptions.workflow_id is 'The workflow, or the schedule.';
comment on column consumptions.event_id is 'Our id of the CloudEvent.';
comment on column consumptions.seq is 'The event that started the listen which consumed it.';
