do $$
declare
    v_role text;
begin
    foreach v_role in array array['pgworker_worker', 'pgworker_client', 'pgworker_reader'] loop
        if not exists (select from pg_roles where rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when insufficient_privilege then
                    raise notice 'the role % is missing and may not be created by %', v_role, current_user;
                when duplicate_object or unique_violation then
                    null;  -- another installation was quicker
            end;
        end if;
    end loop;
end
$$;

create table definitions (
    namespace     text        not null,
    name          text        not null,
    version       text        not null,
    version_order text        not null,
    document      jsonb       not null,
    digest        text        not null,
    problems      text,
    created_at    timestamptz not null default now(),
    created_by    text        not null default session_user,
    constraint a_definition_is_known_by_namespace_name_and_version
        primary key (namespace, name, version),
    constraint a_definition_is_an_object
        check (jsonb_typeof(document) = 'object')
);

create index the_newest_definition_of_a_name
    on definitions (namespace, name, version_order collate "C" desc);

comment on table definitions is 'Workflow definitions, one row a version; a version''s content never changes.';
comment on column definitions.namespace is 'Namespace of the definition.';
comment on column definitions.name is 'Name of the definition.';
comment on column definitions.version is 'Version as it was written.';
comment on column definitions.version_order is 'Text that sorts (collation C) as the versions do.';
comment on column definitions.document is 'The document.';
comment on column definitions.digest is 'SHA-256 of the document''s canonical text: equal digests, equal content.';
comment on column definitions.problems is 'What the first worker that met the definition found wrong with it; null if nothing.';
comment on column definitions.created_at is 'When it was defined.';
comment on column definitions.created_by is 'Who defined it.';

create table workflows (
    id              uuid        not null,
    namespace       text        not null,
    name            text        not null,
    version         text        not null,
    status          text        not null default 'PENDING',
    input           jsonb,
    output          jsonb,
    error           jsonb,
    last_seq        bigint      not null default 0,
    parent_id       uuid,
    labels          jsonb       not null default '{}',
    idempotency_key text,
    priority        integer     not null default 0,
    created_at      timestamptz not null default now(),
    started_at      timestamptz,
    ended_at        timestamptz,
    folded_by       uuid,
    folded_seq      bigint      not null default 0,
    constraint a_workflow_is_known_by_its_id
        primary key (id),
    constraint a_status_is_one_of_the_known
        check (status in ('PENDING', 'RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED')),
    constraint an_ended_workflow_says_when
        check ((ended_at is not null) = (status in ('COMPLETED', 'FAILED', 'CANCELLED'))),
    constraint labels_are_an_object
        check (jsonb_typeof(labels) = 'object')
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);

create unique index an_idempotency_key_starts_one_workflow
    on workflows (namespace, name, idempotency_key) where idempotency_key is not null;
create index workflows_by_age on workflows (created_at desc, id desc);

comment on table workflows is 'One row a workflow: where it stands, and what went in and came out. The truth is in events.';
comment on column workflows.id is 'The workflow''s id; ids made by start_workflow sort by time.';
comment on column workflows.namespace is 'Namespace of its definition.';
comment on column workflows.name is 'Name of its definition.';
comment on column workflows.version is 'Version of its definition, fixed when it was started.';
comment on column workflows.status is 'PENDING, RUNNING, PAUSED, COMPLETED, FAILED or CANCELLED.';
comment on column workflows.input is 'The input as it was given.';
comment on column workflows.output is 'The output of a COMPLETED workflow.';
comment on column workflows.error is 'The problem object of a FAILED or CANCELLED workflow: type, status, title, detail, instance.';
comment on column workflows.last_seq is 'Sequence number of the newest event.';
comment on column workflows.parent_id is 'The workflow that started this one, if any.';
comment on column workflows.labels is 'Labels given at the start, for whoever queries.';
comment on column workflows.idempotency_key is 'Key given at the start: the same key for the same name starts no second workflow.';
comment on column workflows.priority is 'Higher goes first.';
comment on column workflows.created_at is 'When it was asked for.';
comment on column workflows.started_at is 'When a worker first took it up.';
comment on column workflows.ended_at is 'When it ended.';
comment on column workflows.folded_by is 'The session of the worker that holds this workflow''s state in memory, a hint.';
comment on column workflows.folded_seq is 'The event up to which that worker''s state goes.';

create table events (
    workflow_id uuid        not null,
    seq         bigint      not null,
    type        text        not null,
    task        text,
    data        jsonb       not null default '{}',
    occurred_at timestamptz not null default now(),
    actor       text        not null default session_user,
    constraint events_are_numbered_within_their_workflow
        primary key (workflow_id, seq),
    constraint numbers_count_from_one
        check (seq >= 1)
) with (autovacuum_vacuum_insert_scale_factor = 0.2);

comment on table events is 'The history: every fact of every workflow, append-only, numbered 1..n within each workflow in the order of commit. A plain insert of (workflow_id, type, data) appends an event.';
comment on column events.workflow_id is 'The workflow. There is no foreign key: it would cost a third of a commit, and the numbers come from the workflow''s row anyway.';
comment on column events.seq is 'Position in the workflow''s history; given by the database.';
comment on column events.type is 'What happened, such as task.completed; types of users'' own are kept as given.';
comment on column events.task is 'JSON Pointer of the task in the document, if it happened to a task.';
comment on column events.data is 'What came of it.';
comment on column events.occurred_at is 'Time of the transaction.';
comment on column events.actor is 'Who: the worker''s id, or the database user.';

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
    constraint a_job_is_known_by_the_event_that_scheduled_it
        primary key (workflow_id, seq),
    constraint a_job_decides_or_performs
        check (kind in ('decide', 'perform')),
    constraint only_performing_is_leased
        check (lease_token is null or kind = 'perform'),
    constraint a_lease_has_a_holder
        check ((lease_token is null) = (worker_id is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 10000);

create index decide_jobs_by_due_time on jobs (priority desc, due_at) where kind = 'decide';
create index perform_jobs_by_due_time on jobs (priority desc, due_at) where kind = 'perform';

comment on table jobs is 'What is to be done: a cache of what the histories say, and empty when nothing is to be done.';
comment on column jobs.workflow_id is 'The workflow.';
comment on column jobs.seq is 'Sequence number of the event that scheduled the job: a timer or an activity; 0 for a turn of the workflow as such.';
comment on column jobs.kind is 'decide: give the workflow a turn; perform: perform the activity.';
comment on column jobs.due_at is 'When it may be claimed; a leased job, when its lease runs out.';
comment on column jobs.priority is 'Priority of the workflow; higher goes first.';
comment on column jobs.attempt is 'How often it was claimed under a lease; for decide, how often deciding failed.';
comment on column jobs.lease_token is 'Token of the lease: a result counts only as long as this is still its token.';
comment on column jobs.worker_id is 'The worker that holds the lease.';
comment on column jobs.leased_until is 'When the lease runs out.';
comment on column jobs.created_at is 'When it was scheduled.';

create table workers (
    id           text        not null,
    host         text        not null,
    pid          integer     not null,
    version      text        not null,
    slots        integer     not null,
    busy         integer     not null default 0,
    idle         boolean     not null default false,
    started_at   timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    constraint a_worker_is_known_by_its_id
        primary key (id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

comment on table workers is 'The worker processes that are alive, or were until a moment ago.';
comment on column workers.id is 'The worker''s id.';
comment on column workers.host is 'Host it runs on.';
comment on column workers.pid is 'Process id there.';
comment on column workers.version is 'Its version of pgworker.';
comment on column workers.slots is 'How many activities it performs at once.';
comment on column workers.busy is 'How many it performs now.';
comment on column workers.idle is 'It sleeps: whoever adds a job wakes it by a notification.';
comment on column workers.started_at is 'When it came up.';
comment on column workers.heartbeat_at is 'When it was last heard of.';

create table cloud_events (
    id           uuid        not null,
    source       text        not null,
    event_id     text        not null,
    type         text        not null,
    subject      text,
    time         timestamptz not null default now(),
    data         jsonb,
    extensions   jsonb       not null default '{}',
    published_at timestamptz not null default now(),
    published_by text        not null default session_user,
    constraint a_cloud_event_is_known_by_our_id
        primary key (id),
    constraint a_source_names_each_of_its_events_once
        unique (source, event_id),
    constraint extensions_are_an_object
        check (jsonb_typeof(extensions) = 'object')
);

create index cloud_events_by_type on cloud_events (type, published_at);

comment on table cloud_events is 'CloudEvents that were published, by workflows or by others; one row for each source and id.';
comment on column cloud_events.id is 'Our id; ids sort by time.';
comment on column cloud_events.source is 'The attribute source.';
comment on column cloud_events.event_id is 'The attribute id, unique within the source.';
comment on column cloud_events.type is 'The attribute type.';
comment on column cloud_events.subject is 'The attribute subject.';
comment on column cloud_events.time is 'The attribute time.';
comment on column cloud_events.data is 'The data.';
comment on column cloud_events.extensions is 'All other attributes.';
comment on column cloud_events.published_at is 'When it was published here.';
comment on column cloud_events.published_by is 'Who published it: a workflow''s id, or the database user.';

create function version_order(p_version text) returns text
    language plpgsql immutable strict parallel safe
    set search_path from current
as $$
declare
    v_release  text := split_part(split_part(p_version, '+', 1), '-', 1);
    v_suffix   text := substr(split_part(p_version, '+', 1), length(v_release) + 2);
    v_part     text;
    v_order    text := '';
begin
    if v_release ~ '^\d+(\.\d+)?$' then
        v_release := v_release || case when v_release like '%.%' then '.0' else '.0.0' end;
    end if;
    foreach v_part in array string_to_array(v_release, '.') loop
        v_order := v_order || case when v_part ~ '^\d{1,30}$' then lpad(v_part, 30, '0') else v_part end || '.';
    end loop;
    if v_suffix = '' then
        return v_order || '~';  -- a release comes after all its pre-releases: ~ sorts last
    end if;
    v_order := v_order || '-';
    foreach v_part in array string_to_array(v_suffix, '.') loop
        -- numbers come before words
        v_order := v_order || case when v_part ~ '^\d{1,30}$' then '0' || lpad(v_part, 30, '0') else '1' || v_part end
            || '!';
    end loop;
    return v_order;
end
$$;

comment on function version_order(text) is
    'A text that sorts (collation C) as semantic versioning orders versions; anything else sorts as text.';

create function uuid_by_time() returns uuid
    language sql volatile parallel safe
    set search_path from current
as $$
    -- version 7: 48 bits of milliseconds, then random bits; neighbours in time are neighbours in the index
    select encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6),
            52, 1), 53, 1), 'hex')::uuid
$$;

comment on function uuid_by_time() is 'A new random id that sorts by the time at which it was made (UUID version 7).';

create function task_name(p_task text) returns text
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select replace(replace(substring(p_task from '[^/]*$'), '~1', '/'), '~0', '~')
$$;

comment on function task_name(text) is 'The name of the task that a JSON Pointer leads to.';

create function event_value(p_workflow uuid, p_seq bigint) returns jsonb
    language sql stable strict parallel safe
    set search_path from current
as $$
    select coalesce(data -> 'output', data -> 'input') from events where workflow_id = p_workflow and seq = p_seq
$$;

comment on function event_value(uuid, bigint) is
    'The value that an event brought: values are kept once, and other events name the event that has them.';

create function wake_workers(p_except text default null) returns void
    language plpgsql
    set search_path from current
as $$
begin
    -- Notifying commits wait for each other, so only those notify that have somebody to wake. A worker
    -- declares itself idle before it looks for jobs a last time: what it misses then, its poll finds.
    if exists (select from workers where idle and id is distinct from p_except) then
        perform pg_notify(current_schema(), '');
    end if;
end
$$;

comment on function wake_workers(text) is 'Notifies the idle workers, on the channel that is named like the schema; nobody if none is idle but the one that asks.';

create function refuse_value(p_value jsonb, p_what text) returns void
    language plpgsql immutable
    set search_path from current
as $$
begin
    -- what jsonb can hold and other readers of JSON cannot
    if jsonb_path_exists(p_value, 'strict $.**{129}') then
        raise exception '% is nested deeper than 128 levels', p_what using errcode = 'PW001',
            hint = 'Flatten it, or pass a reference to it.';
    end if;
    if jsonb_path_exists(p_value, 'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))') then
        raise exception '% holds a number that is beyond a double', p_what using errcode = 'PW001',
            hint = 'Pass it as a text.';
    end if;
end
$$;

comment on function refuse_value(jsonb, text) is
    'Refuses (PW001) what jsonb can hold and other readers of JSON cannot: numbers beyond a double, and nesting beyond 128 levels.';

create function define_workflow(definition jsonb) returns text
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_namespace text := coalesce(definition #>> '{document,namespace}', 'default');
    v_name      text := coalesce(definition #>> '{document,name}', definition ->> 'id', definition ->> 'key');
    v_version   text := coalesce(definition #>> '{document,version}', definition ->> 'version');
    v_digest    text := encode(sha256(convert_to(definition::text, 'UTF8')), 'hex');
    v_known     text;
begin
    if definition is null or jsonb_typeof(definition) <> 'object' then
        raise exception 'a definition is a JSON object' using errcode = 'PW001',
            hint = 'Pass the whole document, converted to JSON.';
    end if;
    if v_name is null or v_name = '' or v_version is null or v_version = '' then
        raise exception 'the definition lacks its %', case when coalesce(v_name, '') = '' then 'name' else 'version' end
            using errcode = 'PW001',
            hint = 'DSL 1.0 documents have document.name and document.version, 0.8 documents id and version.';
    end if;
    if greatest(length(v_namespace), length(v_name), length(v_version)) > 255 then
        raise exception 'namespace, name and version have 255 characters at most' using errcode = 'PW001';
    end if;
    perform refuse_value(definition, 'the definition');
    insert into definitions as d (namespace, name, version, version_order, document, digest)
    values (v_namespace, v_name, v_version, version_order(v_version), definition, v_digest)
    on conflict on constraint a_definition_is_known_by_namespace_name_and_version do nothing;
    select digest into v_known from definitions
    where namespace = v_namespace and name = v_name and version = v_version;
    if v_known <> v_digest then
        raise exception '%/%:% is defined already, with other content', v_namespace, v_name, v_version
            using errcode = 'PW003', hint = 'Give the changed document a new version.';
    end if;
    return format('%s/%s:%s', v_namespace, v_name, v_version);
end
$$;

comment on function define_workflow(jsonb) is
    'Stores one version of a definition and returns namespace/name:version. The same content again changes nothing; other content under the same version is an error (PW003).';

create function workflow_started_before(p_id uuid, p_namespace text, p_name text, p_key text) returns uuid
    language plpgsql
    set search_path from current
as $$
declare
    v_id uuid;
begin
    select id into v_id from workflows
    where p_key is not null and namespace = p_namespace and name = p_name and idempotency_key = p_key;
    if v_id is null then
        raise exception 'a workflow with the id % exists already', p_id using errcode = 'PW003',
            hint = 'Leave workflow_id out, or use an idempotency key to start a workflow once.';
    end if;
    return v_id;
end
$$;

comment on function workflow_started_before(uuid, text, text, text) is
    'The workflow that an idempotency key started before; an error (PW003) if it was the id that was taken.';

create function start_workflow(
    name            text,
    input           jsonb       default '{}',
    version         text        default null,
    namespace       text        default 'default',
    workflow_id     uuid        default null,
    idempotency_key text        default null,
    start_at        timestamptz default null,
    priority        integer     default 0,
    labels          jsonb       default '{}'
) returns uuid
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_version text;
    v_id      uuid := coalesce(start_workflow.workflow_id, uuid_by_time());
    v_started uuid;
    v_input   jsonb := coalesce(start_workflow.input, '{}');
begin
    select d.version into v_version from definitions d
    where d.namespace = start_workflow.namespace and d.name = start_workflow.name
      and (start_workflow.version is null or start_workflow.version = 'latest' or d.version = start_workflow.version)
    order by d.version_order collate "C" desc
    limit 1;
    if v_version is null then
        raise exception 'no workflow is defined as %/%',
                start_workflow.namespace, concat_ws(':', start_workflow.name, start_workflow.version)
            using errcode = 'PW002', hint = 'Define it first: pgworker deploy FILE, or select define_workflow(...).';
    end if;
    perform refuse_value(v_input, 'the input');
    perform refuse_value(start_workflow.labels, 'a label');
    if length(start_workflow.idempotency_key) > 255 then
        raise exception 'an idempotency key has 255 characters at most' using errcode = 'PW001',
            hint = 'Use a hash of it.';
    end if;
    if start_workflow.start_at not between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00' then
        raise exception 'a workflow cannot start at %', start_workflow.start_at using errcode = 'PW001',
            hint = 'Leave start_at out to start it now.';
    end if;
    insert into workflows (id, namespace, name, version, input, last_seq, labels, idempotency_key, priority)
    values (v_id, start_workflow.namespace, start_workflow.name, v_version, v_input, 1,
            coalesce(start_workflow.labels, '{}'), start_workflow.idempotency_key,
            coalesce(start_workflow.priority, 0))
    on conflict do nothing
    returning id into v_started;
    if v_started is null then
        return workflow_started_before(v_id, start_workflow.namespace, start_workflow.name,
                                       start_workflow.idempotency_key);
    end if;
    insert into events (workflow_id, seq, type, data)
    values (v_id, 1, 'workflow.started', case when start_workflow.start_at is null
        then jsonb_build_object('input', v_input)
        else jsonb_build_object('input', v_input, 'start_at', to_json(start_workflow.start_at)) end);
    insert into jobs (workflow_id, seq, kind, due_at, priority)
    values (v_id, 0, 'decide', coalesce(start_workflow.start_at, now()), coalesce(start_workflow.priority, 0));
    perform wake_workers();
    return v_id;
end
$$;

comment on function start_workflow(text, jsonb, text, text, uuid, text, timestamptz, integer, jsonb) is
    'Starts a workflow within the caller''s transaction and returns its id. Version null is the newest. The same idempotency key returns the same workflow.';

create function append_to_history(p_workflow uuid, p_type text) returns bigint
    language plpgsql
    set search_path from current
as $$
declare
    v_seq      bigint;
    v_status   text;
    v_priority integer;
    v_pending  boolean;
begin
    if p_type is null or p_type = '' then
        raise exception 'an event has a type' using errcode = 'PW001';
    end if;
    if p_type ~ '^(workflow|task|timer|iteration|input|error|listen|child|branch|snapshot)\.' then
        raise exception 'events of the type % are written by the engine alone', p_type using errcode = 'PW004',
            hint = 'Name the event after what happened in your own domain, such as order.paid; to steer a workflow use cancel_workflow and its like.';
    end if;
    update workflows set last_seq = last_seq + 1
    where id = p_workflow and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    returning last_seq, priority, status = 'PENDING' into v_seq, v_priority, v_pending;
    if v_seq is null then
        select status into v_status from workflows where id = p_workflow;
        if v_status is null then
            raise exception 'there is no workflow %', p_workflow using errcode = 'PW002';
        end if;
        raise exception 'the workflow % is %, and nothing can be added to its history', p_workflow, v_status
            using errcode = 'PW004';
    end if;
    if v_pending then
        return v_seq;  -- its first turn is still to come, at the time that was asked for, and will see the event
    end if;
    insert into jobs (workflow_id, seq, kind, due_at, priority) values (p_workflow, 0, 'decide', now(), v_priority)
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set due_at = least(jobs.due_at, excluded.due_at);
    perform wake_workers();
    return v_seq;
end
$$;

comment on function append_to_history(uuid, text) is
    'Takes the next sequence number of a workflow for an event of the type, and gives the workflow a turn.';

create function append_event(workflow_id uuid, type text, data jsonb default null) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq bigint;
begin
    perform refuse_value(append_event.data, 'the event''s data');
    v_seq := append_to_history(append_event.workflow_id, append_event.type);
    insert into events (workflow_id, seq, type, data)
    values (append_event.workflow_id, v_seq, append_event.type, coalesce(append_event.data, '{}'));
    return v_seq;
end
$$;

comment on function append_event(uuid, text, jsonb) is
    'Appends an event to a workflow''s history, returns its sequence number, and gives the workflow a turn.';

create function cancel_workflow(id uuid, reason text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq   bigint;
    v_error jsonb := jsonb_strip_nulls(jsonb_build_object(
        'type', 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime', 'status', 499,
        'title', 'Cancelled', 'detail', cancel_workflow.reason, 'instance', '/'));
begin
    update workflows w
    set last_seq = last_seq + 1, status = 'CANCELLED', ended_at = now(), error = v_error
    where w.id = cancel_workflow.id and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    returning last_seq into v_seq;
    if v_seq is null then
        if not exists (select from workflows w where w.id = cancel_workflow.id) then
            raise exception 'there is no workflow %', cancel_workflow.id using errcode = 'PW002';
        end if;
        return false;
    end if;
    insert into events (workflow_id, seq, type, data)
    values (cancel_workflow.id, v_seq, 'workflow.cancelled', jsonb_build_object('error', v_error));
    -- Activities that are being performed lose their leases with their jobs: their results are refused, and
    -- the next heartbeat of their worker ends them.
    delete from jobs where workflow_id = cancel_workflow.id;
    return true;
end
$$;

comment on function cancel_workflow(uuid, text) is
    'Cancels a workflow; false if it has ended already. Running activities are ended at their worker''s next heartbeat.';

create function wait_for_workflow(id uuid, timeout interval default '30 s') returns jsonb
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_until  timestamptz := clock_timestamp() + coalesce(wait_for_workflow.timeout, '30 s');
    v_pause  double precision := 0.002;
    v_found  record;
begin
    loop
        -- each look is a statement of its own, and so sees what was committed before it
        select w.status, w.output, w.error into v_found from workflows w where w.id = wait_for_workflow.id;
        if not found then
            raise exception 'there is no workflow %', wait_for_workflow.id using errcode = 'PW002',
                hint = 'A workflow that was started in this transaction is seen by workers after the commit only.';
        end if;
        if v_found.status = 'COMPLETED' then
            return v_found.output;
        end if;
        if v_found.status in ('FAILED', 'CANCELLED') then
            raise exception 'the workflow % is %: %', wait_for_workflow.id, v_found.status,
                    coalesce(v_found.error ->> 'detail', v_found.error ->> 'title', 'no reason given')
                using errcode = case v_found.status when 'FAILED' then 'PW005' else 'PW006' end,
                detail = v_found.error::text;
        end if;
        if clock_timestamp() >= v_until then
            raise exception 'the workflow % is still % after %', wait_for_workflow.id, v_found.status,
                    wait_for_workflow.timeout
                using errcode = 'PW007', hint = 'Wait longer, or see whether a worker is running: select * from workers.';
        end if;
        perform pg_sleep(least(v_pause, extract(epoch from v_until - clock_timestamp())));
        v_pause := least(v_pause * 1.5, 0.1);
    end loop;
end
$$;

comment on function wait_for_workflow(uuid, interval) is
    'Waits until a workflow has ended and returns its output; raises with the error of a failed (PW005) or cancelled (PW006) one, and PW007 when the time is over.';

create function publish_event(
    type       text,
    data       jsonb       default null,
    source     text        default '/sql',
    subject    text        default null,
    id         text        default null,
    "time"     timestamptz default null,
    extensions jsonb       default '{}'
) returns uuid
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_id       uuid := uuid_by_time();
    v_event_id text := coalesce(publish_event.id, v_id::text);
    v_source   text := coalesce(publish_event.source, '/sql');
begin
    if coalesce(publish_event.type, '') = '' then
        raise exception 'a CloudEvent has a type' using errcode = 'PW001';
    end if;
    perform refuse_value(publish_event.data, 'the event''s data');
    perform refuse_value(publish_event.extensions, 'an extension');
    if greatest(length(v_source), length(v_event_id), length(publish_event.type)) > 1024 then
        raise exception 'source, id and type of a CloudEvent have 1024 characters at most' using errcode = 'PW001';
    end if;
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions)
    values (v_id, v_source, v_event_id, publish_event.type, publish_event.subject,
            coalesce(publish_event."time", now()), publish_event.data, coalesce(publish_event.extensions, '{}'))
    on conflict on constraint a_source_names_each_of_its_events_once do nothing;
    if not found then
        select e.id into v_id from cloud_events e where e.source = v_source and e.event_id = v_event_id;
    end if;
    return v_id;
end
$$;

comment on function publish_event(text, jsonb, text, text, text, timestamptz, jsonb) is
    'Publishes a CloudEvent and returns our id for it. The same source and id again is the same event: nothing is published twice.';

create function publish_emitted(p_workflows uuid[], p_events jsonb[]) returns void
    language sql
    set search_path from current
as $$
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions, published_by)
    select uuid_by_time(), n.event ->> 'source', n.event ->> 'id', n.event ->> 'type', n.event ->> 'subject',
           (n.event ->> 'time')::timestamptz, n.event -> 'data',
           n.event - array['specversion', 'source', 'id', 'type', 'subject', 'time', 'data'],
           n.workflow_id::text
    from unnest(p_workflows, p_events) as n (workflow_id, event)
    on conflict on constraint a_source_names_each_of_its_events_once do nothing
$$;

comment on function publish_emitted(uuid[], jsonb[]) is 'Publishes the CloudEvents that workflows emitted in a turn.';

create function claim_turn(
    p_session        uuid,
    p_batch          integer,
    p_done_workflows uuid[],
    p_done_seqs      bigint[],
    p_done_tokens    uuid[]
) returns table (
    workflow_id uuid,
    namespace   text,
    name        text,
    version     text,
    last_seq    bigint,
    priority    integer,
    due         bigint[],
    strikes     integer,
    done        bigint[],
    history     json
)
    language plpgsql security definer
    set search_path from current
    -- Whatever the statistics say of a queue that was empty a moment ago, these plans stay.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_priority integer;
    v_more     uuid[];
    v_locked   uuid[] := '{}';
    v_due_of   uuid[];
    v_due      bigint[];
    v_done_of  uuid[];
    v_done     bigint[];
begin
    -- The queue, highest priority first, each by its own stretch of the index. Workflows are locked before
    -- their jobs, and nothing here ever waits: what others hold is skipped.
    select max(j.priority) into v_priority from jobs j where kind = 'decide';
    while v_priority is not null and cardinality(v_locked) < p_batch loop
        select array_agg(c.id) into v_more
        from (select w.id
              from jobs j join workflows w on w.id = j.workflow_id
              where j.kind = 'decide' and j.priority = v_priority and j.due_at <= now()
              order by j.due_at
              limit p_batch - cardinality(v_locked)
              for no key update of w skip locked) c;
        v_locked := v_locked || coalesce(v_more, '{}');
        select max(j.priority) into v_priority from jobs j where kind = 'decide' and j.priority < v_priority;
    end loop;
    if p_done_workflows <> '{}' then
        select v_locked || coalesce(array_agg(c.id), '{}') into v_locked
        from (select w.id from workflows w where w.id = any (p_done_workflows) order by w.id
              for no key update skip locked) c;
    end if;
    if v_locked = '{}' then
        return;
    end if;

    -- <> 'perform' instead of = 'decide' keeps the planner off the index of due jobs, whose length has nothing
    -- to do with the few workflows that are asked for.
    select array_agg(c.workflow_id), array_agg(c.seq) into v_due_of, v_due
    from (select j.workflow_id, j.seq
          from unnest(v_locked) as l (id)
          join jobs j on j.workflow_id = l.id
          where j.kind <> 'perform' and j.due_at <= now()
          for update of j skip locked) c;
    if p_done_workflows <> '{}' then
        select array_agg(c.workflow_id), array_agg(c.seq) into v_done_of, v_done
        from (select j.workflow_id, j.seq
              from unnest(p_done_workflows, p_done_seqs, p_done_tokens) as p (workflow_id, seq, token)
              join jobs j on j.workflow_id = p.workflow_id and j.seq = p.seq and j.lease_token = p.token
              where j.workflow_id = any (v_locked)
              for update of j skip locked) c;
    end if;

    -- A statement of its own, begun after the workflows were locked: only so it sees their newest events.
    return query
    select w.id, w.namespace, w.name, w.version, w.last_seq, w.priority,
           coalesce(d.due, '{}'), coalesce(t.attempt, 0), coalesce(a.done, '{}'), h.history
    from (select distinct u.id from unnest(v_locked) as u (id)) l
    join workflows w on w.id = l.id
    left join (
        select u.id, array_agg(distinct u.seq) as due
        from unnest(v_due_of, v_due) as u (id, seq) group by u.id) d on d.id = l.id
    left join jobs t on t.workflow_id = l.id and t.seq = 0
    left join (
        select u.id, array_agg(distinct u.seq) as done
        from unnest(v_done_of, v_done) as u (id, seq) group by u.id) a on a.id = l.id
    left join lateral (
        select json_agg(json_build_array(e.seq, e.type, e.task, e.data, e.occurred_at) order by e.seq) as history
        from events e
        where e.workflow_id = w.id
          and e.seq > case when w.folded_by = p_session then w.folded_seq else 0 end) h on true;
end
$$;

comment on function claim_turn(uuid, integer, uuid[], bigint[], uuid[]) is
    'Locks up to a batch of workflows that are due, and those whose activities are done; returns for each what the session has not folded yet, its due jobs, and which of the done activities still hold their lease. Locked workflows are skipped, never waited for.';

create function commit_turn(
    p_session         uuid,
    p_worker          text,
    p_lease           interval,
    p_event_workflows uuid[],
    p_event_seqs      bigint[],
    p_event_types     text[],
    p_event_tasks     text[],
    p_event_data      jsonb[],
    p_workflows       uuid[],
    p_seqs_before     bigint[],
    p_seqs_after      bigint[],
    p_statuses        text[],
    p_outputs         jsonb[],
    p_errors          jsonb[],
    p_ended_jobs_of   uuid[],
    p_ended_jobs      bigint[],
    p_jobs_of         uuid[],
    p_jobs            bigint[],
    p_job_kinds       text[],
    p_job_due_at      timestamptz[],
    p_job_priorities  integer[],
    p_job_tokens      uuid[],
    p_published_by    uuid[],
    p_published       jsonb[]
) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_updated integer;
    v_ended   uuid[];
begin
    update workflows w
    set last_seq   = n.seq_after,
        folded_by  = p_session,
        folded_seq = n.seq_after,
        status     = n.status,
        output     = n.output,
        error      = n.error,
        started_at = coalesce(w.started_at, now()),
        ended_at   = case when n.status in ('COMPLETED', 'FAILED', 'CANCELLED') then now() end
    from unnest(p_workflows, p_seqs_before, p_seqs_after, p_statuses, p_outputs, p_errors)
        as n (id, seq_before, seq_after, status, output, error)
    where w.id = n.id and w.last_seq = n.seq_before;
    get diagnostics v_updated = row_count;
    if v_updated <> cardinality(p_workflows) then
        raise exception 'a workflow of this turn has gone on elsewhere' using errcode = 'PW008';
    end if;

    insert into events (workflow_id, seq, type, task, data, actor)
    select n.workflow_id, n.seq, n.type, n.task, n.data, p_worker
    from unnest(p_event_workflows, p_event_seqs, p_event_types, p_event_tasks, p_event_data)
        as n (workflow_id, seq, type, task, data);

    delete from jobs j
    using unnest(p_ended_jobs_of, p_ended_jobs) as n (workflow_id, seq)
    where j.workflow_id = n.workflow_id and j.seq = n.seq;

    select array_agg(n.id) into v_ended
    from unnest(p_workflows, p_statuses) as n (id, status)
    where n.status in ('COMPLETED', 'FAILED', 'CANCELLED');
    if v_ended is not null then
        -- Without waiting: what somebody else holds this moment ends with its own next turn.
        delete from jobs j
        using (select o.workflow_id, o.seq from jobs o where o.workflow_id = any (v_ended)
               for update skip locked) o
        where j.workflow_id = o.workflow_id and j.seq = o.seq;
    end if;

    if p_published <> '{}' then
        perform publish_emitted(p_published_by, p_published);
    end if;

    if p_jobs_of <> '{}' then
        insert into jobs (workflow_id, seq, kind, due_at, priority, lease_token, worker_id, attempt)
        select n.workflow_id, n.seq, n.kind,
               case when n.token is not null then clock_timestamp() + p_lease else coalesce(n.due_at, now()) end,
               n.priority, n.token,
               case when n.token is not null then p_worker end,
               case when n.token is not null then 1 else 0 end
        from unnest(p_jobs_of, p_jobs, p_job_kinds, p_job_due_at, p_job_priorities, p_job_tokens)
            as n (workflow_id, seq, kind, due_at, priority, token)
        on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
            update set due_at = least(jobs.due_at, excluded.due_at);  -- another turn, put off before
        if exists (select from unnest(p_job_kinds, p_job_tokens) as n (kind, token)
                   where n.kind = 'perform' and n.token is null) then
            perform wake_workers(p_worker);
        end if;
    end if;
end
$$;

comment on function commit_turn(uuid, text, interval, uuid[], bigint[], text[], text[], jsonb[], uuid[], bigint[], bigint[], text[], jsonb[], jsonb[], uuid[], bigint[], uuid[], bigint[], text[], timestamptz[], integer[], uuid[], uuid[], jsonb[]) is
    'Writes a turn: the new events, the workflows'' rows, the jobs that are done and the ones that follow. A job with a token is leased to the worker from the start. PW008 if a workflow is not where the turn found it.';

create function claim_activities(p_worker text, p_slots integer, p_lease interval) returns table (
    workflow_id uuid,
    seq         bigint,
    attempt     integer,
    lease_token uuid,
    task        text,
    data        jsonb
)
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_priority  integer;
    v_workflows uuid[];
    v_seqs      bigint[];
    v_left      integer := p_slots;
begin
    select max(j.priority) into v_priority from jobs j where kind = 'perform';
    while v_priority is not null and v_left > 0 loop
        select array_agg(d.workflow_id), array_agg(d.seq) into v_workflows, v_seqs
        from (select j.workflow_id, j.seq from jobs j
              where kind = 'perform' and j.priority = v_priority and due_at <= clock_timestamp()
              order by due_at
              limit v_left
              for update skip locked) d;
        -- A due job that has a token lost its holder: the new token makes the old one void.
        return query
        update jobs j
        set attempt = j.attempt + 1, lease_token = gen_random_uuid(), worker_id = p_worker,
            due_at = clock_timestamp() + p_lease
        from unnest(v_workflows, v_seqs) as d (workflow_id, seq)
        where j.workflow_id = d.workflow_id and j.seq = d.seq
        returning j.workflow_id, j.seq, j.attempt, j.lease_token,
            (select e.task from events e where e.workflow_id = j.workflow_id and e.seq = j.seq),
            (select e.data from events e where e.workflow_id = j.workflow_id and e.seq = j.seq);
        v_left := v_left - coalesce(cardinality(v_seqs), 0);
        select max(j.priority) into v_priority from jobs j where kind = 'perform' and j.priority < v_priority;
    end loop;
end
$$;

comment on function claim_activities(text, integer, interval) is
    'Leases up to so many due activities to a worker, each with a new token and the next attempt number; among them those whose lease has run out.';

create function heartbeat(
    p_worker text, p_busy integer, p_lease interval, p_workflows uuid[], p_seqs bigint[], p_tokens uuid[]
) returns table (known boolean, workflow_id uuid, seq bigint)
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
begin
    update workers set heartbeat_at = clock_timestamp(), busy = p_busy where id = p_worker;
    return query select found, null::uuid, null::bigint;
    -- skip locked: a job that somebody holds this moment is about to end or gets its beat next time
    update jobs j
    set due_at = clock_timestamp() + p_lease
    from (select l.workflow_id, l.seq
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
               on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token
          for update of l skip locked) held
    where j.workflow_id = held.workflow_id and j.seq = held.seq;
    return query
    select true, p.workflow_id, p.seq
    from unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
    where not exists (
        select from jobs j
        where j.workflow_id = p.workflow_id and j.seq = p.seq and j.lease_token = p.token);
end
$$;

comment on function heartbeat(text, integer, interval, uuid[], bigint[], uuid[]) is
    'Says that the worker is alive and extends its leases. The first row tells whether the worker is known (it was forgotten otherwise), the others which leases it has lost (cancelled, or taken back).';

create function release_activities(p_workflows uuid[], p_seqs bigint[], p_tokens uuid[]) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update jobs j
    set lease_token = null, worker_id = null, due_at = now(), attempt = greatest(j.attempt - 1, 0)
    from (select l.workflow_id, l.seq
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
               on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token
          order by l.workflow_id, l.seq
          for update of l) held
    where j.workflow_id = held.workflow_id and j.seq = held.seq;
    perform wake_workers();
end
$$;

comment on function release_activities(uuid[], bigint[], uuid[]) is
    'Gives leased activities back, to be performed by others at once; the attempt does not count.';

create function postpone_turn(p_workflow uuid, p_delay interval) returns integer
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_priority integer;
    v_strikes  integer;
begin
    select priority into v_priority from workflows
    where id = p_workflow and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    for no key update;
    if v_priority is null then
        return 0;
    end if;
    update jobs set due_at = clock_timestamp() + p_delay
    where workflow_id = p_workflow and kind <> 'perform' and due_at < clock_timestamp() + p_delay;
    insert into jobs (workflow_id, seq, kind, due_at, priority, attempt)
    values (p_workflow, 0, 'decide', clock_timestamp() + p_delay, v_priority, 1)
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set attempt = jobs.attempt + 1
    returning attempt into v_strikes;
    return v_strikes;
end
$$;

comment on function postpone_turn(uuid, interval) is
    'A strike against a workflow that could not be decided upon: its turn comes later. Returns the strikes so far.';

create function register_worker(
    p_id text, p_host text, p_pid integer, p_version text, p_slots integer, p_busy integer, p_idle boolean
) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    insert into workers (id, host, pid, version, slots, busy, idle)
    values (p_id, p_host, p_pid, p_version, p_slots, p_busy, p_idle)
    on conflict on constraint a_worker_is_known_by_its_id do update
    set host = excluded.host, pid = excluded.pid, version = excluded.version, slots = excluded.slots,
        busy = excluded.busy, idle = excluded.idle, heartbeat_at = clock_timestamp();
end
$$;

comment on function register_worker(text, text, integer, text, integer, integer, boolean) is
    'Makes a worker known, or says anew what is known of it.';

create function forget_workers(p_id text, p_silent_for interval) returns integer
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_forgotten integer;
begin
    delete from workers
    where id in (select id from workers
                 where id = p_id or heartbeat_at < clock_timestamp() - p_silent_for
                 for update skip locked);
    get diagnostics v_forgotten = row_count;
    return v_forgotten;
end
$$;

comment on function forget_workers(text, interval) is
    'Forgets the worker (null: none) and those that have not been heard of for so long; returns how many.';

create function declare_idle(p_worker text, p_idle boolean) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update workers set idle = p_idle where id = p_worker and idle <> p_idle;
end
$$;

comment on function declare_idle(text, boolean) is
    'Says that the worker goes to sleep and wants to be notified, or that it is awake.';

create function time_to_next_job(p_performs boolean default true) returns interval
    language plpgsql stable security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_priority integer;
    v_due_at   timestamptz;
    v_first    timestamptz;
begin
    select max(priority) into v_priority from jobs where kind = 'decide';
    while v_priority is not null loop
        select min(due_at) into v_due_at from jobs where kind = 'decide' and priority = v_priority;
        v_first := least(v_first, v_due_at);
        select max(priority) into v_priority from jobs where kind = 'decide' and priority < v_priority;
    end loop;
    select max(priority) into v_priority from jobs where kind = 'perform' and p_performs;
    while v_priority is not null loop
        select min(due_at) into v_due_at from jobs where kind = 'perform' and priority = v_priority;
        v_first := least(v_first, v_due_at);
        select max(priority) into v_priority from jobs where kind = 'perform' and priority < v_priority;
    end loop;
    return case when isfinite(v_first) then greatest(v_first - clock_timestamp(), '0') end;
end
$$;

comment on function time_to_next_job(boolean) is
    'How long until a job is due, by the database''s clock; null if there is none. Activities count for those that can perform more.';

create function note_problems(p_namespace text, p_name text, p_version text, p_problems text) returns void
    language sql security definer
    set search_path from current
as $$
    update definitions set problems = p_problems
    where namespace = p_namespace and name = p_name and version = p_version and problems is distinct from p_problems
$$;

comment on function note_problems(text, text, text, text) is
    'Keeps what a worker found wrong with a definition, to be seen where definitions are listed.';

create function append_plain_insert() returns trigger
    language plpgsql security definer
    set search_path from current
as $$
begin
    perform refuse_value(new.data, 'the event''s data');
    new.seq := append_to_history(new.workflow_id, new.type);
    new.task := null;
    new.data := coalesce(new.data, '{}');
    new.occurred_at := now();
    new.actor := session_user;
    return new;
end
$$;

comment on function append_plain_insert() is 'Gives an inserted event its number, as append_event does.';

create trigger events_that_are_inserted_plainly_are_appended
    before insert on events
    for each row when (new.seq is null)
    execute function append_plain_insert();

create function refuse_change() returns trigger
    language plpgsql security definer
    set search_path from current
as $$
begin
    if tg_op = 'DELETE' and tg_level = 'ROW' then
        -- a whole workflow may go, its row first
        if not exists (select from workflows where id = old.workflow_id) then
            return old;
        end if;
    end if;
    raise exception 'history is append-only: % on events is refused', tg_op using errcode = 'PW004',
        hint = 'Append an event that says what is different now (select append_event(...)); to remove whole finished workflows use purge.';
end
$$;

comment on function refuse_change() is 'Refuses UPDATE, DELETE and TRUNCATE of history.';

create trigger history_is_append_only
    before update or delete on events
    for each row execute function refuse_change();
create trigger history_is_not_truncated
    before truncate on events
    for each statement execute function refuse_change();

create function check_numbers() returns trigger
    language plpgsql security definer
    set search_path from current
    set jit = off
as $$
begin
    -- Whoever adds events has moved the workflow's last_seq on before: a number beyond it was made up.
    if exists (select from (select workflow_id, max(seq) as seq from added group by workflow_id) a
               where not exists (select from workflows w where w.id = a.workflow_id and w.last_seq >= a.seq)) then
        raise exception 'the numbers of events are given by the database' using errcode = 'PW004',
            hint = 'Leave seq out.';
    end if;
    return null;
end
$$;

comment on function check_numbers() is 'Refuses events with numbers that their workflow has not given.';

create trigger numbers_are_given_by_the_workflow
    after insert on events
    referencing new table as added
    for each statement execute function check_numbers();

create view history with (security_barrier) as
with e as (
    -- what the engine did not write may hold anything: only its own events have references in them
    select workflow_id, seq, occurred_at, type, task, data, actor,
           case when type ~ '^(task|iteration|workflow|input)\.' then data else '{}' end as refs
    from events)
select e.workflow_id,
       e.seq,
       e.occurred_at,
       e.occurred_at - f.occurred_at as elapsed,
       e.type,
       task_name(e.task)             as name,
       e.task,
       coalesce(e.refs ->> 'iteration', case when e.type = 'iteration.started' then e.refs ->> 'index' end)::integer
           as iteration,
       e.occurred_at - s.occurred_at as duration,
       case when e.type = 'workflow.started' then e.data -> 'input'
            when e.type in ('task.started', 'task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
            then coalesce(e.data -> 'input', event_value(e.workflow_id, (e.refs ->> 'from')::bigint),
                          s.data -> 'input', event_value(e.workflow_id, (s.data ->> 'from')::bigint))
       end as input,
       case when e.type in ('task.completed', 'workflow.completed', 'input.transformed')
            then coalesce(e.data -> 'output',
                          event_value(e.workflow_id, (e.refs ->> 'output_from')::bigint),
                          event_value(e.workflow_id, (e.refs ->> 'from')::bigint),
                          event_value(e.workflow_id, (s.data ->> 'from')::bigint))
            when e.type = 'task.skipped'
            then event_value(e.workflow_id, (e.refs ->> 'from')::bigint)
       end as output,
       e.data -> 'error' as error,
       e.data,
       e.actor
from e
left join events f on f.workflow_id = e.workflow_id and f.seq = 1
left join events s on s.workflow_id = e.workflow_id and s.seq = (e.refs ->> 'start')::bigint
     and e.type in ('task.completed', 'task.failed', 'task.cancelled');

comment on view history is 'The events made readable: how long after the start, how long the task took, and the values that went in and came out.';

create view tasks with (security_barrier) as
select h.workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', '') as kind,
       case h.type when 'task.completed' then 'COMPLETED' when 'task.failed' then 'FAILED'
                   when 'task.cancelled' then 'CANCELLED' else 'SKIPPED' end as status,
       greatest((h.data ->> 'attempt')::integer, (h.data ->> 'retry')::integer, 1) as attempt,
       h.iteration,
       h.input,
       h.output,
       h.error,
       coalesce(h.occurred_at - h.duration, h.occurred_at) as started_at,
       h.occurred_at as ended_at,
       coalesce((h.data ->> 'start')::bigint, h.seq) as seq
from history h
where h.type in ('task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
union all
select h.workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', ''),
       case when w.status in ('COMPLETED', 'FAILED', 'CANCELLED') then 'CANCELLED'
            when j.kind = 'perform' and j.lease_token is null then 'SCHEDULED'
            else 'RUNNING' end,
       greatest(j.attempt, (h.data ->> 'retry')::integer, 1),
       h.iteration,
       h.input,
       null,
       null,
       h.occurred_at,
       w.ended_at,
       h.seq
from history h
join workflows w on w.id = h.workflow_id
left join jobs j on j.workflow_id = h.workflow_id and j.seq = h.seq
where h.type = 'task.started'
  and not exists (select from events e
                  where e.workflow_id = h.workflow_id and e.seq > h.seq
                    and e.type in ('task.completed', 'task.failed', 'task.cancelled')
                    and e.data -> 'start' = to_jsonb(h.seq));

comment on view tasks is 'One row for each time that a task ran, is running or was skipped.';

do $$
declare
    v_schema constant text := current_schema();
    v_function regprocedure;
    v_public constant text[] := array['define_workflow', 'start_workflow', 'append_event', 'publish_event',
                                      'cancel_workflow', 'wait_for_workflow'];
begin
    execute format('revoke all on schema %I from public', v_schema);
    for v_function in select oid from pg_proc where pronamespace = quote_ident(v_schema)::regnamespace loop
        execute format('revoke all on function %s from public', v_function);
    end loop;
    if exists (select from pg_roles where rolname = 'pgworker_client') then
        execute format('grant usage on schema %I to pgworker_client', v_schema);
        for v_function in select oid from pg_proc
            where pronamespace = quote_ident(v_schema)::regnamespace and proname = any (v_public) loop
            execute format('grant execute on function %s to pgworker_client', v_function);
        end loop;
    end if;
    if exists (select from pg_roles where rolname = 'pgworker_reader') then
        execute format('grant usage on schema %I to pgworker_reader', v_schema);
        execute format('grant select on all tables in schema %I to pgworker_reader', v_schema);
        execute format('grant execute on function %I.task_name(text), %I.event_value(uuid, bigint) to pgworker_reader',
                       v_schema, v_schema);
    end if;
    if exists (select from pg_roles where rolname = 'pgworker_worker') then
        execute format('grant usage on schema %I to pgworker_worker', v_schema);
        execute format('grant select on all tables in schema %I to pgworker_worker', v_schema);
        execute format('grant execute on all functions in schema %I to pgworker_worker', v_schema);
    end if;
end
$$;
