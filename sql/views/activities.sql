create view activities with (security_barrier) as
select task_name(e.task) as name,
       e.data ->> 'activity' as activity,
       j.attempt,
       clock_timestamp() - j.running_since as running,
       j.output_bytes,
       j.messages,
       j.worker_id,
       j.workflow_id,
       j.seq,
       e.task,
       j.running_since,
       j.leased_until
from jobs j
join events e on e.workflow_id = j.workflow_id and e.seq = j.seq
where j.kind = 'perform' and j.lease_token is not null;

comment on view activities is 'The activities that are being performed; what they have given so far is told by heartbeats, a third of a lease apart.';
comment on column activities.name is 'Name of the task.';
comment on column activities.activity is 'Kind of the activity: http, shell, ...';
comment on column activities.attempt is 'How often it was begun.';
comment on column activities.running is 'How long it has been performed; null for one that was short at the last heartbeat.';
comment on column activities.output_bytes is 'How much it had received or written by the last heartbeat, in bytes.';
comment on column activities.messages is 'How many messages it had received by then.';
comment on column activities.worker_id is 'Who performs it.';
comment on column activities.workflow_id is 'The workflow.';
comment on column activities.seq is 'Sequence number of the event that scheduled it.';
comment on column activities.task is 'JSON Pointer of the task.';
comment on column activities.running_since is 'Since when it has been performed.';
comment on column activities.leased_until is 'When the lease runs out, unless a heartbeat comes.';
