create view failures with (security_barrier) as
select w.namespace,
       w.name,
       w.version,
       w.error ->> 'instance' as task,
       w.error ->> 'title'    as title,
       -- an author may write any number
       case when w.error ->> 'status' ~ '^-?[0-9]{1,9}$' then (w.error ->> 'status')::integer end as status,
       count(*)               as workflows,
       min(w.ended_at)        as first_at,
       max(w.ended_at)        as last_at,
       (array_agg(w.id order by w.ended_at desc))[1] as latest_id,
       (array_agg(w.error ->> 'detail' order by w.ended_at desc))[1] as latest_detail,
       w.error ->> 'type'     as type
from workflows w
where w.status = 'FAILED' and w.error is not null  -- by the index of those that ended badly
group by w.namespace, w.name, w.version, w.error ->> 'instance', w.error ->> 'title', w.error ->> 'status',
         w.error ->> 'type';

comment on view failures is 'The workflows that failed, those with the same error in the same task together.';
comment on column failures.namespace is 'Namespace of the definition.';
comment on column failures.name is 'Name of the definition.';
comment on column failures.version is 'Version of the definition.';
comment on column failures.task is 'JSON Pointer of the task that failed.';
comment on column failures.title is 'The error''s title.';
comment on column failures.status is 'The error''s status.';
comment on column failures.workflows is 'How many workflows failed so.';
comment on column failures.first_at is 'When the first of them ended.';
comment on column failures.last_at is 'When the last of them ended.';
comment on column failures.latest_id is 'The last of them.';
comment on column failures.latest_detail is 'The detail of its error.';
comment on column failures.type is 'The error''s type, a URI.';
