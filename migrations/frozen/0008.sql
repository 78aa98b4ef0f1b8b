-- Revision 0008: what others built on the schema is kept, and what went wrong for those who operate it goes right.

drop function purge_cloud_events(timestamptz, integer);

alter table events alter column occurred_at set default clock_timestamp();
comment on column events.occurred_at is 'When it happened, by the database''s clock; what a worker decided in one turn happened when the turn began.';

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

create or replace function version_order(p_version text) returns text
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

create or replace function uuid_by_time() returns uuid
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

create or replace function task_name(p_task text) returns text
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select replace(replace(substring(p_task from '[^/]*$'), '~1', '/'), '~0', '~')
$$;

comment on function task_name(text) is 'The name of the task that a JSON Pointer leads to.';

create or replace function event_value(p_workflow uuid, p_seq bigint) returns jsonb
    language sql stable strict parallel safe
    set search_path from current
as $$
    -- what a function's task gets is the call's arguments, not its input
    select coalesce(data -> 'output', case when data ->> 'opens' = 'call' then data -> 'arguments' end, data -> 'input')
    from events where workflow_id = p_workflow and seq = p_seq
$$;

comment on function event_value(uuid, bigint) is
    'The value that an event brought: values are kept once, and other events name the event that has them.';

create or replace function undone(p_workflow uuid, p_until bigint default null) returns int8range[]
    language sql stable
    set search_path from current
as $$
    select array_agg(int8range((r.data ->> 'to')::bigint + 1, r.seq)) from events r
    where r.workflow_id = p_workflow and r.type = 'workflow.rewound' and (p_until is null or r.seq <= p_until)
$$;

comment on function undone(uuid, bigint) is
    'The events, from one number to before another, that retries of a workflow went back before, up to an event (null: the newest); null if there are none.';

create or replace function was_undone(p_undone int8range[], p_start bigint, p_seq bigint) returns boolean
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select exists (select from unnest(p_undone) undone where p_seq <@ undone and p_start < lower(undone))
$$;

comment on function was_undone(int8range[], bigint, bigint) is
    'Whether what began with one event and ended with another goes on, since a retry went back to a moment in between: the ranges are of the events that retries went back before.';

create or replace function open_tasks(p_workflow uuid) returns setof bigint
    language sql stable rows 10
    set search_path from current
as $$
    select s.seq from events s where s.workflow_id = p_workflow and s.type = 'task.started'
    except
    select (e.data ->> 'start')::bigint from events e
    where e.workflow_id = p_workflow and e.type in ('task.completed', 'task.failed', 'task.cancelled')
      and was_undone((select undone(p_workflow)), (e.data ->> 'start')::bigint, e.seq) is not true
$$;

comment on function open_tasks(uuid) is 'The events with which those tasks of a workflow began that have not ended.';

create or replace function wake_workers(p_except text default null) returns void
    language plpgsql
    set search_path from current
as $$
begin
    -- Notifying commits wait for each other, so only those notify that have somebody to wake. A worker
    -- declares itself idle before it looks for jobs a last time: what it misses then, its poll finds.
    -- While somebody else fills the queue of notifications (one who listens in a transaction that never ends),
    -- nobody notifies: the commit of whoever finds it full would fail. The poll is left then.
    if exists (select from workers where idle and id is distinct from p_except)
       and pg_notification_queue_usage() < 0.5 then
        perform pg_notify(current_schema(), '');
    end if;
end
$$;

comment on function wake_workers(text) is 'Notifies the idle workers, on the channel that is named like the schema; nobody if none is idle but the one that asks.';

create or replace function refuse_value(p_value jsonb, p_what text) returns void
    language plpgsql immutable
    set search_path from current
as $$
begin
    -- The engine takes half of that. What a stored value takes may be compressed, to a 255th of it at best.
    if pg_column_size(p_value) > 65536 and octet_length(p_value::text) > 16777216 then
        raise exception '% has % bytes, and 16777216 are the most', p_what, octet_length(p_value::text)
            using errcode = 'PW001', hint = 'Keep it elsewhere, and pass a reference to it.';
    end if;
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
    'Refuses (PW001) values of more than 16 MiB, and what jsonb can hold and other readers of JSON cannot: numbers beyond a double, and nesting beyond 128 levels.';

create or replace function refuse_text(p_text text, p_what text, p_most integer default 1024) returns void
    language plpgsql immutable
    set search_path from current
as $$
begin
    if octet_length(p_text) > p_most then
        raise exception '% has % bytes at most', p_what, p_most using errcode = 'PW001',
            hint = format('This has %s: shorten it.', octet_length(p_text));
    end if;
end
$$;

comment on function refuse_text(text, text, integer) is 'Refuses (PW001) a text of more bytes than so many.';

create or replace function refuse_id(p_id uuid) returns void
    language plpgsql stable
    set search_path from current
as $$
begin
    if exists (select from schedules s where s.id = p_id) or exists (select from cloud_events c where c.id = p_id) then
        raise exception 'the id % is that of a schedule or of a CloudEvent', p_id using errcode = 'PW003',
            hint = 'Leave workflow_id out, or make a UUID of your own.';
    end if;
end
$$;

comment on function refuse_id(uuid) is
    'Raises PW003 if the id names something else: what is due for workflows, schedules and CloudEvents is in one queue.';

create or replace function event_floor() returns bigint
    language sql stable
    set search_path from current
as $$
    select position from event_clock
$$;

comment on function event_floor() is
    'The position of the newest correlated CloudEvent: whoever begins to exist now finds its own beyond it.';

create or replace function cloud_event_of(p_event cloud_events) returns jsonb
    language sql stable
    set search_path from current
as $$
    select p_event.extensions
        || jsonb_build_object('specversion', '1.0', 'id', p_event.event_id, 'source', p_event.source,
                              'type', p_event.type,
                              'time', to_char(p_event.time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || case when p_event.subject is null then '{}' else jsonb_build_object('subject', p_event.subject) end
        || case when p_event.data is null then '{}' else jsonb_build_object('data', p_event.data) end
$$;

comment on function cloud_event_of(cloud_events) is 'A CloudEvent as one JSON object (structured mode of CloudEvents 1.0).';

create or replace function lock_correlation(p_alone boolean) returns void
    language plpgsql
    set search_path from current
as $$
begin
    -- Who begins to listen shares the lock, who correlates has it alone: each sees all that the other did
    -- before, so no CloudEvent slips between a listen that begins and its correlation.
    if p_alone then
        perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' correlation', 0));
    else
        perform pg_advisory_xact_lock_shared(hashtextextended(current_schema() || ' correlation', 0));
    end if;
end
$$;

comment on function lock_correlation(boolean) is
    'Until the end of the transaction keeps those who correlate CloudEvents and those who begin to listen apart.';

create or replace function waits_for_older(p_waits_until timestamptz) returns boolean
    language plpgsql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set jit = off
as $$
begin
    return p_waits_until is not null
        and exists (select from jobs j where j.kind = 'correlate' and j.due_at <= p_waits_until);
end
$$;

comment on function waits_for_older(timestamptz) is
    'Whether CloudEvents that were published up to then are still to be correlated: whoever waits for them is told of none yet.';

create or replace function tell_listeners(p_workflows uuid[], p_seqs bigint[]) returns void
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select s.workflow_id, -min(c.position), s.kind, now(), s.namespace, s.priority
    from unnest(p_workflows, p_seqs) as l (workflow_id, seq)
    join subscriptions s on s.workflow_id = l.workflow_id and s.seq = l.seq and not waits_for_older(s.waits_until)
    cross join lateral (
        select e.position from correlated_events e
        where e.correlation = s.correlation and e.value = s.value and e.position > s.seen
          and e.published_at >= s.published_from
          and not exists (select from consumptions k
                          where k.workflow_id = s.workflow_id and k.event_id = e.event_id)
        order by e.position limit 1) c
    group by s.workflow_id, s.seq, s.kind, s.namespace, s.priority
    on conflict do nothing;
end
$$;

comment on function tell_listeners(uuid[], bigint[]) is
    'Gives those of the listeners a job who have CloudEvents to look at.';

create or replace function correlate_backwards(
    p_correlations text[], p_types text[], p_keys jsonb[], p_from timestamptz[]
) returns void
    language plpgsql
    set search_path from current
as $$
declare
    v_wanted record;
    v_since  timestamptz;
    v_types  text[] := '{}';
    v_from   timestamptz[] := '{}';
    v_until  timestamptz[] := '{}';
begin
    -- First all correlations in the order of their ids, then all jobs in the order of theirs: whoever else does so
    -- holds nothing that these wait for, while it waits for what these hold.
    for v_wanted in
        select u.id, min(u.type) as type, min(u.keys::text)::jsonb as keys, min(u.since) as since
        from unnest(p_correlations, p_types, p_keys, p_from) as u (id, type, keys, since)
        group by u.id order by u.id
    loop
        insert into correlations (id, type, keys, since)
        values (v_wanted.id, v_wanted.type, v_wanted.keys, v_wanted.since)
        on conflict on constraint a_correlation_is_known_by_the_digest_of_its_type_and_keys do nothing;
        if found then
            v_since := 'infinity';
        else
            select c.since into v_since from correlations c where c.id = v_wanted.id;
            continue when v_since <= v_wanted.since;
            update correlations c set since = v_wanted.since where c.id = v_wanted.id and c.since > v_wanted.since;
        end if;
        v_types := v_types || v_wanted.type;
        v_from := v_from || v_wanted.since;
        v_until := v_until || v_since;
    end loop;
    -- What is still to be correlated for the first time has its job already.
    insert into jobs (workflow_id, seq, kind, due_at)
    select distinct e.id, 0, 'correlate', e.published_at
    from unnest(v_types, v_from, v_until) as u (type, since, until)
    join cloud_events e on (u.type is null or e.type = u.type) and e.published_at >= u.since and e.published_at < u.until
    order by e.id
    on conflict do nothing;
end
$$;

comment on function correlate_backwards(text[], text[], jsonb[], timestamptz[]) is
    'Makes correlations known, and sees to it that the CloudEvents since a time are correlated by each.';

create or replace function subscribe(
    p_workflows    uuid[],
    p_seqs         bigint[],
    p_filters      integer[],
    p_correlations text[],
    p_types        text[],
    p_keys         jsonb[],
    p_values       text[]
) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    perform lock_correlation(p_alone => false);
    perform correlate_backwards(array_agg(u.correlation), array_agg(u.type), array_agg(u.keys), array_agg(w.created_at))
    from unnest(p_workflows, p_correlations, p_types, p_keys) as u (workflow_id, correlation, type, keys)
    join workflows w on w.id = u.workflow_id;
    insert into subscriptions (workflow_id, seq, filter, correlation, value, published_from, seen, namespace,
                               priority, waits_until)
    select u.workflow_id, u.seq, u.filter, u.correlation, u.value, w.created_at, w.event_floor, w.namespace,
           w.priority,
           -- what is still to be correlated may be older than what is there already
           case when exists (select from jobs j where j.kind = 'correlate' and j.due_at >= w.created_at)
                then clock_timestamp() end
    from unnest(p_workflows, p_seqs, p_filters, p_correlations, p_values)
        as u (workflow_id, seq, filter, correlation, value)
    join workflows w on w.id = u.workflow_id;
    perform tell_listeners(p_workflows, p_seqs);
end
$$;

comment on function subscribe(uuid[], bigint[], integer[], text[], text[], jsonb[], text[]) is
    'Workflows begin to listen. What was published since each was created, and not consumed by it, is found too.';

create or replace function unsubscribe(p_workflows uuid[], p_seqs bigint[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    delete from subscriptions s
    using unnest(p_workflows, p_seqs) as u (workflow_id, seq)
    where s.workflow_id = u.workflow_id and s.seq = u.seq
$$;

comment on function unsubscribe(uuid[], bigint[]) is 'Listens have ended.';

create or replace function consume_events(
    p_workflows uuid[], p_seqs bigint[], p_events uuid[],
    p_seen_by uuid[], p_seen_in bigint[], p_seen bigint[], p_look uuid[], p_look_in bigint[]
) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    insert into consumptions (workflow_id, seq, event_id)
    select u.workflow_id, u.seq, u.event_id
    from unnest(p_workflows, p_seqs, p_events) as u (workflow_id, seq, event_id);
    update subscriptions s set seen = u.position
    from unnest(p_seen_by, p_seen_in, p_seen) as u (workflow_id, seq, position)
    where s.workflow_id = u.workflow_id and s.seq = u.seq;
    perform tell_listeners(p_look, p_look_in);
end
$$;

comment on function consume_events(uuid[], bigint[], uuid[], uuid[], bigint[], bigint[], uuid[], bigint[]) is
    'Notes which CloudEvents listens have consumed and up to which they have looked; those that want more are told if there is more.';

create or replace function return_events(p_workflows uuid[], p_events uuid[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    delete from consumptions c
    using unnest(p_workflows, p_events) as u (workflow_id, event_id)
    where c.workflow_id = u.workflow_id and c.event_id = u.event_id
$$;

comment on function return_events(uuid[], uuid[]) is
    'Forgets that workflows have consumed CloudEvents: they went back to before that, and may consume them again.';

create or replace function mail_of(p_listener uuid, p_most integer default 100) returns json
    language sql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select json_agg(json_build_array(m.seq, m.position, m.event_id, cloud_event_of(e))
                    order by case m.kind when 'decide' then e.published_at end, m.position)
    from (
        select f.seq, f.kind, f.event_id, f.position, row_number() over (partition by f.seq order by f.position) as place
        from (
            select s.seq, s.kind, c.event_id, min(c.position) as position
            from subscriptions s
            cross join lateral (
                select o.position, o.event_id from correlated_events o
                where o.correlation = s.correlation and o.value = s.value and o.position > s.seen
                  and o.published_at >= s.published_from
                  and not exists (select from consumptions k
                                  where k.workflow_id = s.workflow_id and k.event_id = o.event_id)
                order by o.position limit p_most) c
            where s.workflow_id = p_listener and not waits_for_older(s.waits_until)
            group by s.seq, s.kind, c.event_id) f) m
    join cloud_events e on e.id = m.event_id
    where m.place <= p_most
$$;

comment on function mail_of(uuid, integer) is
    'The CloudEvents that a listener may want and has not looked at, oldest first: arrays of the listen, the position, our id and the CloudEvent.';

create or replace function claim_events(p_batch integer) returns table (id uuid, cloud_event jsonb)
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
    v_ids uuid[];
    v_now timestamptz := clock_timestamp();  -- no index is searched for what may change meanwhile
begin
    -- One worker at a time, so that positions are in the order of publication. One that falls silent meanwhile
    -- must not stop the others for long.
    if not pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' claiming of events', 0)) then
        return;
    end if;
    perform set_config('idle_in_transaction_session_timeout', '20s', true);
    select array_agg(c.workflow_id) into v_ids
    from (select j.workflow_id from jobs j
          where j.kind = 'correlate' and j.due_at <= v_now
          order by j.due_at, j.seq
          limit p_batch
          for update skip locked) c;
    return query
    select e.id, cloud_event_of(e) from cloud_events e where e.id = any (v_ids) order by e.published_at, e.id;
end
$$;

comment on function claim_events(integer) is
    'Claims, until the end of the transaction, CloudEvents that are to be correlated, oldest first; none while somebody else does.';

create or replace function correlations_for(p_types text[]) returns table (id text, type text, keys jsonb)
    language sql stable security definer
    set search_path from current
as $$
    select c.id, c.type, c.keys from correlations c where c.type = any (p_types)
    union all
    select c.id, c.type, c.keys from correlations c where c.type is null
$$;

comment on function correlations_for(text[]) is 'The correlations that CloudEvents of these types have values by.';

create or replace function end_waiting(p_correlated_from timestamptz, p_position bigint) returns void
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_first timestamptz;
begin
    select min(j.due_at) into v_first from jobs j where j.kind = 'correlate';
    -- Those that waited for one of the CloudEvents that have just been correlated, and wait for no other. Nothing is
    -- written down of it, as somebody may be about to end them; and the job has a number that none had before, as a
    -- turn may have an older one in its hands, which ends with it.
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select distinct s.workflow_id, -p_position, s.kind, now(), s.namespace, s.priority
    from subscriptions s
    where s.waits_until >= p_correlated_from and s.waits_until < coalesce(v_first, 'infinity')
    on conflict do nothing;
end
$$;

comment on function end_waiting(timestamptz, bigint) is
    'Gives those a job who began to listen while CloudEvents that are older than others were still to be correlated, now that these are.';

create or replace function correlate_events(
    p_events uuid[], p_known text[], p_correlated uuid[], p_correlations text[], p_values text[]
) returns boolean
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_before bigint;
begin
    perform lock_correlation(p_alone => true);
    if exists (select from cloud_events e join correlations c on c.type is null or c.type = e.type
               where e.id = any (p_events) and c.id <> all (p_known)) then
        return false;  -- somebody has just begun to listen in a new way
    end if;
    update event_clock set position = position + cardinality(p_events)
    returning position - cardinality(p_events) into v_before;
    -- Only what is new is told: of the rest the listeners know, and a job for it may be in the hands of a turn
    -- that waits for the lock held here.
    with noted as (
        insert into correlated_events (correlation, value, position, event_id, published_at)
        select u.correlation, u.value, p.position, p.id, p.published_at
        from (select e.id, e.published_at, v_before + row_number() over (order by e.published_at, e.id) as position
              from cloud_events e where e.id = any (p_events)) p
        join unnest(p_correlated, p_correlations, p_values) as u (event_id, correlation, value) on u.event_id = p.id
        on conflict on constraint a_correlation_gives_an_event_one_value do nothing
        returning correlation, value, position, published_at
    )
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select distinct s.workflow_id, -n.position, s.kind, now(), s.namespace, s.priority
    from noted n
    join subscriptions s on s.correlation = n.correlation and s.value = n.value
         and s.published_from <= n.published_at and not waits_for_older(s.waits_until)
    on conflict do nothing;
    delete from jobs j using unnest(p_events) as u (id) where j.workflow_id = u.id and j.seq = 0;
    perform end_waiting((select min(e.published_at) from cloud_events e where e.id = any (p_events)),
                        v_before + cardinality(p_events));
    perform wake_workers();
    return true;
end
$$;

comment on function correlate_events(uuid[], text[], uuid[], text[], text[]) is
    'Notes the values that claimed CloudEvents have, and tells those who listen for them. False, and nothing is done, if there is a correlation for them beyond the known ones.';

create or replace function start_children(
    p_parents uuid[], p_seqs bigint[], p_ids uuid[], p_namespaces text[], p_names text[], p_versions text[],
    p_inputs jsonb[], p_waits boolean[]
) returns void
    language plpgsql security definer
    set search_path from current
    set lock_timeout = '20ms'  -- an id may have been taken in somebody's open transaction, and others wait for this turn
as $$
begin
    insert into workflows (id, namespace, name, version, input, last_seq, priority, parent_id, parent_seq,
                           parent_waits, event_floor)
    select u.id, u.namespace, u.name, d.version, u.input, 1, w.priority, u.parent, u.seq, u.waits, event_floor()
    from unnest(p_parents, p_seqs, p_ids, p_namespaces, p_names, p_versions, p_inputs, p_waits)
        as u (parent, seq, id, namespace, name, version, input, waits)
    join workflows w on w.id = u.parent
    cross join lateral (
        select d.version from definitions d
        where d.namespace = u.namespace and d.name = u.name and (u.version is null or d.version = u.version)
        order by d.version_order collate "C" desc limit 1) d;
    insert into events (workflow_id, seq, type, data)
    select w.id, 1, 'workflow.started', jsonb_build_object('input', w.input, 'parent', w.parent_id)
    from workflows w where w.id = any (p_ids);
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select w.id, 0, 'decide', now(), w.namespace, w.priority from workflows w where w.id = any (p_ids);
    -- The parents of those that cannot be started are told so, and those that do not wait that it has begun.
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select u.parent, u.seq, 'decide', now(), p.namespace, p.priority
    from unnest(p_parents, p_seqs, p_ids, p_waits) as u (parent, seq, id, waits)
    join workflows p on p.id = u.parent
    where (not u.waits or not exists (select from workflows w where w.id = u.id))
      and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    on conflict do nothing;
    perform wake_workers();
end
$$;

comment on function start_children(uuid[], bigint[], uuid[], text[], text[], text[], jsonb[], boolean[]) is
    'Starts workflows on behalf of others. Version null is the newest.';

create or replace function cancel_children(p_ids uuid[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    -- A wish, not the deed: locking a child here, beside the locks of a turn, could end in a deadlock.
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select w.id, -1, 'decide', now(), w.namespace, w.priority
    from workflows w
    where w.id = any (p_ids) and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    on conflict do nothing
$$;

comment on function cancel_children(uuid[]) is 'Has workflows cancel themselves because the one that waits for them will not any more.';

create or replace function children_of(p_parent uuid, p_seqs bigint[]) returns json
    language sql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select json_agg(json_build_array(c.parent_seq, c.status, c.output, c.error))
    from workflows c
    where c.parent_id = p_parent and c.parent_seq = any (p_seqs)
$$;

comment on function children_of(uuid, bigint[]) is
    'The workflows that these events of a parent started: arrays of the event, the status, the output and the error.';

create or replace function workflows_ended(p_ids uuid[]) returns void
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
begin
    delete from subscriptions s where s.workflow_id = any (p_ids);
    delete from snapshots s where s.workflow_id = any (p_ids);
    perform cancel_children(array(
        select c.id from unnest(p_ids) as u (id) join workflows c on c.parent_id = u.id
        where c.parent_waits and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED')));
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select w.parent_id, w.parent_seq, 'decide', now(), p.namespace, p.priority
    from workflows w
    join workflows p on p.id = w.parent_id
    where w.id = any (p_ids) and w.parent_waits and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    on conflict do nothing;
    insert into jobs (workflow_id, seq, kind, due_at)
    select s.id, 0, 'schedule', now() from schedules s where s.last_workflow_id = any (p_ids) and s.schedule ? 'after'
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set due_at = least(jobs.due_at, excluded.due_at);
end
$$;

comment on function workflows_ended(uuid[]) is
    'What follows from the end of workflows: they listen no more, those that they wait for are cancelled, and the parents and schedules that wait for them are told.';

create or replace function renew_schedule(p_namespace text, p_name text) returns void
    language plpgsql
    set search_path from current
as $$
declare
    v_version  text;
    v_schedule jsonb;
    v_old      schedules;
    v_id       uuid;
begin
    -- Versions that are defined at once come one after the other: the second sees the first.
    perform pg_advisory_xact_lock(
        hashtextextended(format('%s schedule %s/%s', current_schema(), p_namespace, p_name), 0));
    select d.version, d.document -> 'schedule' into v_version, v_schedule from definitions d
    where d.namespace = p_namespace and d.name = p_name
    order by d.version_order collate "C" desc limit 1;
    select * into v_old from schedules s where s.namespace = p_namespace and s.name = p_name for update;
    if v_old.version = v_version then
        return;
    end if;
    if v_old.schedule ? 'on' and v_schedule ? 'on' or v_old.schedule ? 'after' and v_schedule ? 'after' then
        -- The same schedule goes on: what it has not looked at yet, or waits for, is the new version's.
        update schedules s
        set version = v_version, schedule = v_schedule, problem = null, next_at = null,
            event_floor = coalesce((select min(b.seen) from subscriptions b where b.workflow_id = s.id), s.event_floor),
            listens = case when s.schedule -> 'on' = v_schedule -> 'on' then s.listens end
        where s.id = v_old.id;
        delete from subscriptions s where s.workflow_id = v_old.id;
        v_id := v_old.id;
    else
        delete from schedules s where s.id = v_old.id;
        delete from subscriptions s where s.workflow_id = v_old.id;
        delete from consumptions c where c.workflow_id = v_old.id;
        delete from jobs j where j.workflow_id = v_old.id;
        if jsonb_typeof(v_schedule) = 'object' and v_schedule <> '{}' then
            v_id := uuid_by_time();
            insert into schedules (id, namespace, name, version, schedule, event_floor)
            values (v_id, p_namespace, p_name, v_version, v_schedule, event_floor());
        end if;
    end if;
    if v_id is not null then
        insert into jobs (workflow_id, seq, kind) values (v_id, 0, 'schedule')
        on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
            update set due_at = least(jobs.due_at, excluded.due_at);
        perform wake_workers();
    end if;
end
$$;

comment on function renew_schedule(text, text) is
    'Makes the schedule of a name that of its newest version, if that has one; one upon events, or after the end of a workflow, goes on where the older version''s was.';

create or replace function define_workflow(definition jsonb) returns text
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
    if greatest(length(v_namespace), length(v_name), length(v_version)) > 255
       or octet_length(v_namespace || v_name || v_version) > 1530 then
        raise exception 'namespace, name and version have 255 characters at most, and 1530 bytes together'
            using errcode = 'PW001', hint = 'Shorten what is longer.';
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
    -- also if it is known: it may have been imported, which schedules nothing
    perform renew_schedule(v_namespace, v_name);
    return format('%s/%s:%s', v_namespace, v_name, v_version);
end
$$;

comment on function define_workflow(jsonb) is
    'Stores one version of a definition and returns namespace/name:version. The same content again changes nothing; other content under the same version is an error (PW003).';

create or replace function workflow_started_before(p_id uuid, p_namespace text, p_name text, p_key text) returns uuid
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

create or replace function start_workflow(
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
    v_data    jsonb := jsonb_build_object('input', v_input);
begin
    select d.version into v_version from definitions d
    where d.namespace = start_workflow.namespace and d.name = start_workflow.name
      and (start_workflow.version is null or start_workflow.version = 'latest' or d.version = start_workflow.version)
    order by d.version_order collate "C" desc
    limit 1;
    if v_version is null then
        raise exception 'no workflow is defined as %/%',
                start_workflow.namespace, concat_ws(':', start_workflow.name, start_workflow.version)
            using errcode = 'PW002',
            hint = 'Define it first: pgworker deploy FILE, or select define_workflow(...); or name the namespace that it is in.';
    end if;
    perform refuse_value(v_input, 'the input');
    perform refuse_value(start_workflow.labels, 'a label');
    if jsonb_typeof(start_workflow.labels) <> 'object' then
        raise exception 'labels are an object' using errcode = 'PW001', hint = 'Such as {"team": "billing"}.';
    end if;
    if length(start_workflow.idempotency_key) > 255 then
        raise exception 'an idempotency key has 255 characters at most' using errcode = 'PW001',
            hint = 'Use a hash of it.';
    end if;
    if start_workflow.start_at not between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00' then
        raise exception 'a workflow cannot start at %', start_workflow.start_at using errcode = 'PW001',
            hint = 'Leave start_at out to start it now.';
    end if;
    if start_workflow.workflow_id is not null then
        perform refuse_id(v_id);
        -- it may have been another's, which was purged: what this one names after itself is told from that one's
        v_data := v_data || jsonb_build_object('incarnation', uuid_by_time());
    end if;
    if start_workflow.start_at is not null then
        v_data := v_data || jsonb_build_object('start_at', to_json(start_workflow.start_at));
    end if;
    insert into workflows (id, namespace, name, version, input, last_seq, labels, idempotency_key, priority,
                           event_floor)
    values (v_id, start_workflow.namespace, start_workflow.name, v_version, v_input, 1,
            coalesce(start_workflow.labels, '{}'), start_workflow.idempotency_key,
            coalesce(start_workflow.priority, 0), event_floor())
    on conflict do nothing
    returning id into v_started;
    if v_started is null then
        return workflow_started_before(v_id, start_workflow.namespace, start_workflow.name,
                                       start_workflow.idempotency_key);
    end if;
    insert into events (workflow_id, seq, type, data)
    values (v_id, 1, 'workflow.started', v_data);
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    values (v_id, 0, 'decide', coalesce(start_workflow.start_at, now()), start_workflow.namespace,
            coalesce(start_workflow.priority, 0));
    perform wake_workers();
    return v_id;
end
$$;

comment on function start_workflow(text, jsonb, text, text, uuid, text, timestamptz, integer, jsonb) is
    'Starts a workflow within the caller''s transaction and returns its id. Version null is the newest. The same idempotency key returns the same workflow.';

create or replace function give_turn(p_workflow uuid, p_namespace text, p_priority integer) returns void
    language plpgsql
    set search_path from current
as $$
begin
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    values (p_workflow, 0, 'decide', now(), p_namespace, p_priority)
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set due_at = least(jobs.due_at, excluded.due_at);
    perform wake_workers();
end
$$;

comment on function give_turn(uuid, text, integer) is
    'Gives a workflow a turn now, if it has not one to come that is due already, and wakes who takes it.';

create or replace function is_engines_type(p_type text) returns boolean
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select p_type ~ '^(workflow|task|timer|iteration|input|error|listen|child|branch|extension|snapshot)\.|^(event|message)\.received$'
$$;

comment on function is_engines_type(text) is
    'Whether events of the type are written by the engine alone; those of other types may hold anything.';

create or replace function append_to_history(p_workflow uuid, p_type text) returns bigint
    language plpgsql
    set search_path from current
as $$
declare
    v_seq       bigint;
    v_status    text;
    v_namespace text;
    v_priority  integer;
    v_pending   boolean;
begin
    if p_type is null or p_type = '' then
        raise exception 'an event has a type' using errcode = 'PW001', hint = 'Such as order.paid.';
    end if;
    perform refuse_text(p_type, 'the type of an event');
    if is_engines_type(p_type) then
        raise exception 'events of the type % are written by the engine alone', p_type using errcode = 'PW004',
            hint = 'Name the event after what happened in your own domain, such as order.paid; to steer a workflow use cancel_workflow and its like.';
    end if;
    update workflows set last_seq = last_seq + 1
    where id = p_workflow and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    returning last_seq, namespace, priority, started_at is null into v_seq, v_namespace, v_priority, v_pending;
    if v_seq is null then
        select status into v_status from workflows where id = p_workflow;
        if v_status is null then
            perform must_exist(p_workflow);
        end if;
        raise exception 'the workflow % is %, and nothing can be added to its history', p_workflow, v_status
            using errcode = 'PW004', hint = 'Publish a CloudEvent, which others may consume, or start another workflow.';
    end if;
    if v_pending then
        return v_seq;  -- its first turn is still to come, at the time that was asked for, and sees the event
    end if;
    perform give_turn(p_workflow, v_namespace, v_priority);
    return v_seq;
end
$$;

comment on function append_to_history(uuid, text) is
    'Takes the next sequence number of a workflow for an event of the type, and gives the workflow a turn.';

create or replace function append_event(workflow_id uuid, type text, data jsonb default null) returns bigint
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

create or replace function must_exist(p_workflow uuid) returns void
    language plpgsql stable
    set search_path from current
as $$
begin
    if not exists (select from workflows w where w.id = p_workflow) then
        raise exception 'there is no workflow %', p_workflow using errcode = 'PW002',
            hint = 'The view workflows has those that there are; ended ones may have been purged.';
    end if;
end
$$;

comment on function must_exist(uuid) is 'Raises PW002 if there is no such workflow.';

create or replace function cancel_workflow(id uuid, reason text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq   bigint;
    v_ended timestamptz;
    v_error jsonb := jsonb_strip_nulls(jsonb_build_object(
        'type', 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime', 'status', 499,
        'title', 'Cancelled', 'detail', cancel_workflow.reason, 'instance', '/'));
begin
    perform refuse_text(cancel_workflow.reason, 'a reason', 65536);
    update workflows w
    set last_seq = last_seq + 1, status = 'CANCELLED', ended_at = clock_timestamp(), error = v_error
    where w.id = cancel_workflow.id and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    returning last_seq, ended_at into v_seq, v_ended;
    if v_seq is null then
        perform must_exist(cancel_workflow.id);
        return false;
    end if;
    insert into events (workflow_id, seq, type, data, occurred_at)
    values (cancel_workflow.id, v_seq, 'workflow.cancelled', jsonb_build_object('error', v_error), v_ended);
    -- Activities that are being performed lose their leases with their jobs: their results are refused, and
    -- the next heartbeat of their worker ends them.
    delete from jobs where workflow_id = cancel_workflow.id;
    perform workflows_ended(array[cancel_workflow.id]);
    perform wake_workers();
    return true;
end
$$;

comment on function cancel_workflow(uuid, text) is
    'Cancels a workflow; false if it has ended already. Running activities are ended at their worker''s next heartbeat.';

create or replace function hold_jobs(p_workflows uuid[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    -- What is leased goes on. The wish to be cancelled (-1) is granted to a paused workflow, too.
    update jobs j set kind = 'held ' || j.kind
    where j.workflow_id = any (p_workflows) and j.kind in ('decide', 'perform') and j.lease_token is null and j.seq <> -1
$$;

comment on function hold_jobs(uuid[]) is
    'Takes the jobs of paused workflows out of the queue, as they are. The workflows'' rows are locked before.';

create or replace function pause_workflow(id uuid, reason text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_seq bigint;
begin
    perform refuse_text(pause_workflow.reason, 'a reason', 65536);
    update workflows w
    set last_seq = last_seq + 1, status = 'PAUSED'
    where w.id = pause_workflow.id and status in ('PENDING', 'RUNNING')
    returning last_seq into v_seq;
    if v_seq is null then
        perform must_exist(pause_workflow.id);
        return false;
    end if;
    insert into events (workflow_id, seq, type, data)
    values (pause_workflow.id, v_seq, 'workflow.paused',
            jsonb_strip_nulls(jsonb_build_object('reason', pause_workflow.reason)));
    perform hold_jobs(array[pause_workflow.id]);
    return true;
end
$$;

comment on function pause_workflow(uuid, text) is
    'Pauses a workflow: no task of it begins, no timer fires and no CloudEvent is consumed until it is resumed; what is being performed is finished. False if it has ended or is paused already.';

create or replace function resume_workflow(id uuid) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_workflow workflows;
begin
    update workflows w
    set last_seq = last_seq + 1, status = case when started_at is null then 'PENDING' else 'RUNNING' end
    where w.id = resume_workflow.id and status = 'PAUSED'
    returning * into v_workflow;
    if v_workflow.id is null then
        perform must_exist(resume_workflow.id);
        return false;
    end if;
    insert into events (workflow_id, seq, type) values (resume_workflow.id, v_workflow.last_seq, 'workflow.resumed');
    update jobs set kind = substr(kind, 6) where workflow_id = resume_workflow.id and kind like 'held %';
    if v_workflow.status = 'RUNNING' then
        perform give_turn(resume_workflow.id, v_workflow.namespace, v_workflow.priority);
    else
        perform wake_workers();
    end if;
    return true;
end
$$;

comment on function resume_workflow(uuid) is
    'Lets a paused workflow go on: what became due meanwhile happens now. False if it is not paused.';

create or replace function retry_workflow(id uuid, from_task text default null) returns boolean
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_workflow workflows;
begin
    -- Locked first, so that nobody retries it, too; refused without having changed anything.
    select * into v_workflow from workflows w where w.id = retry_workflow.id for no key update;
    if v_workflow.id is null then
        perform must_exist(retry_workflow.id);
    end if;
    if v_workflow.status <> 'FAILED' then
        return false;
    end if;
    if retry_workflow.from_task is not null and not exists (
        select from events e
        where e.workflow_id = retry_workflow.id and e.type ~ '^task\.'
          and (e.task = retry_workflow.from_task or task_name(e.task) = retry_workflow.from_task)) then
        raise exception 'the workflow % has run no task %', retry_workflow.id, retry_workflow.from_task
            using errcode = 'PW002',
                  hint = 'Name a task that it has run, or its JSON Pointer, as the view tasks has them; without one it goes on from the task that failed.';
    end if;
    update workflows w
    set last_seq = last_seq + 1, status = 'RUNNING', error = null, ended_at = null
    where w.id = retry_workflow.id;
    insert into events (workflow_id, seq, type, data)
    values (retry_workflow.id, v_workflow.last_seq + 1, 'workflow.retried',
            jsonb_strip_nulls(jsonb_build_object('from_task', retry_workflow.from_task)));
    perform give_turn(retry_workflow.id, v_workflow.namespace, v_workflow.priority);
    return true;
end
$$;

comment on function retry_workflow(uuid, text) is
    'Lets a failed workflow go on from the task that failed, or from another that it has run (its name or JSON Pointer; the last time it ran counts). Tasks around it that run side by side or have a time limit begin anew. False if the workflow is not FAILED.';

create or replace function workflow_outcome(id uuid) returns table (status text, output jsonb, error jsonb)
    language plpgsql stable security definer
    set search_path from current
as $$
#variable_conflict use_column
begin
    perform must_exist(workflow_outcome.id);
    return query select w.status, w.output, w.error from workflows w where w.id = workflow_outcome.id;
end
$$;

comment on function workflow_outcome(uuid) is
    'How a workflow stands and, once it has ended, what came of it: its output or its error. Unlike wait_for_workflow it does not wait.';

create or replace function wait_for_workflow(id uuid, timeout interval default '30 s') returns jsonb
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
                detail = v_found.error::text,
                hint = format('What it did: select * from history where workflow_id = ''%s'' order by seq.', wait_for_workflow.id);
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

create or replace function publish_event(
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
    v_at       timestamptz;
begin
    if coalesce(publish_event.type, '') = '' then
        raise exception 'a CloudEvent has a type' using errcode = 'PW001', hint = 'Such as order.paid.';
    end if;
    if v_source = '' or v_event_id = '' then
        raise exception 'source and id of a CloudEvent are not empty' using errcode = 'PW001',
            hint = 'Leave out what there is nothing to say about.';
    end if;
    if publish_event."time" not between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00' then
        raise exception 'a CloudEvent cannot have the time %', publish_event."time" using errcode = 'PW001',
            hint = 'Leave "time" out if it happened now.';
    end if;
    perform refuse_text(publish_event.subject, 'the subject of a CloudEvent', 65536);
    perform refuse_value(publish_event.data, 'the event''s data');
    perform refuse_value(publish_event.extensions, 'an extension');
    if greatest(octet_length(v_source), octet_length(v_event_id), octet_length(publish_event.type)) > 1024 then
        raise exception 'source, id and type of a CloudEvent have 1024 bytes at most' using errcode = 'PW001',
            hint = 'Put what is longer into its data.';
    end if;
    if jsonb_typeof(publish_event.extensions) <> 'object' then
        raise exception 'extensions are an object' using errcode = 'PW001', hint = 'Such as {"tenant": "a"}.';
    end if;
    if publish_event.extensions ? '' then
        raise exception 'an extension has a name' using errcode = 'PW001',
            hint = 'CloudEvents has small letters and digits in it, such as {"tenant": "a"}.';
    end if;
    if publish_event.extensions ?| array['specversion', 'id', 'source', 'type', 'time', 'subject', 'data', 'data_base64'] then
        raise exception 'an extension has the name of an attribute that every CloudEvent has' using errcode = 'PW001',
            hint = 'Pass it as the argument of that name.';
    end if;
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions)
    values (v_id, v_source, v_event_id, publish_event.type, publish_event.subject,
            coalesce(publish_event."time", now()), publish_event.data, coalesce(publish_event.extensions, '{}'))
    on conflict on constraint a_source_names_each_of_its_events_once do nothing
    returning published_at into v_at;
    if v_at is null then
        select e.id into v_id from cloud_events e where e.source = v_source and e.event_id = v_event_id;
        return v_id;
    end if;
    insert into jobs (workflow_id, seq, kind, due_at) values (v_id, 0, 'correlate', v_at);
    perform wake_workers();
    return v_id;
end
$$;

comment on function publish_event(text, jsonb, text, text, text, timestamptz, jsonb) is
    'Publishes a CloudEvent and returns our id for it. The same source and id again is the same event: nothing is published twice.';

create or replace function publish_emitted(p_workflows uuid[], p_events jsonb[]) returns void
    language plpgsql
    set search_path from current
    set lock_timeout = '20ms'  -- somebody's open transaction may have published the same, and others wait for this turn
as $$
declare
    v_ids uuid[] := array(select uuid_by_time() from unnest(p_workflows));
begin
    insert into cloud_events (id, source, event_id, type, subject, time, data, extensions, published_at, published_by)
    select n.id, n.event ->> 'source', n.event ->> 'id', n.event ->> 'type', n.event ->> 'subject',
           (n.event ->> 'time')::timestamptz, n.event -> 'data',
           n.event - array['specversion', 'source', 'id', 'type', 'subject', 'time', 'data'],
           clock_timestamp() + n.place * interval '1 microsecond',  -- in the order in which they were emitted
           n.workflow_id::text
    from unnest(v_ids, p_workflows, p_events) with ordinality as n (id, workflow_id, event, place)
    order by n.event ->> 'source', n.event ->> 'id'  -- in one order everywhere: two that emit the same wait
    on conflict on constraint a_source_names_each_of_its_events_once do nothing;
    insert into jobs (workflow_id, seq, kind, due_at)
    select e.id, 0, 'correlate', e.published_at from cloud_events e where e.id = any (v_ids);
end
$$;

comment on function publish_emitted(uuid[], jsonb[]) is 'Publishes the CloudEvents that workflows emitted in a turn.';

create or replace function publish_lifecycle_events(id uuid) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_count bigint;
begin
    perform must_exist(publish_lifecycle_events.id);
    -- whoever publishes the same at the same time waits here, and then finds it published: each counts as new once
    perform pg_advisory_xact_lock(hashtextextended(publish_lifecycle_events.id::text, 0));
    select count(publish_event(n.type, n.data, n.source, n.subject, n.id, n.time)) into v_count
    from (select l.type, l.data, l.source, l.subject, l.id, l.time
          from lifecycle_events l
          where l.workflow_id = publish_lifecycle_events.id
            and not exists (select from cloud_events c where c.source = l.source and c.event_id = l.id)
          order by l.seq, l.position) as n;
    return v_count;
end
$$;

comment on function publish_lifecycle_events(uuid) is
    'Publishes those lifecycle events of a workflow that have not been published yet; returns how many those were.';

create or replace function lanes(p_kind text, p_most integer default 1000) returns table (
    priority  integer,
    namespace text,
    due_at    timestamptz
)
    language plpgsql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
begin
    -- By skipping from one lane to the next in the index: it does not matter how many jobs wait in each.
    return query
    with recursive lane as (
        (select j.priority, j.namespace, j.due_at from jobs j where j.kind = p_kind
         order by j.priority desc, j.namespace, j.due_at limit 1)
        union all
        select n.priority, n.namespace, n.due_at
        from lane l
        cross join lateral (
            (select j.priority, j.namespace, j.due_at from jobs j
             where j.kind = p_kind and j.priority = l.priority and j.namespace > l.namespace
             order by j.namespace, j.due_at limit 1)
            union all
            (select j.priority, j.namespace, j.due_at from jobs j
             where j.kind = p_kind and j.priority < l.priority
             order by j.priority desc, j.namespace, j.due_at limit 1)
            limit 1) n
    )
    select lane.priority, lane.namespace, lane.due_at from lane limit p_most;
end
$$;

comment on function lanes(text, integer) is
    'The lanes of a kind of jobs (a lane holds the jobs of one namespace and one priority), the highest priority first, each with the time when its first job is due. Lanes beyond the thousandth wait for others to be empty.';

create or replace function due_lanes(p_kind text, p_batch integer) returns table (
    priority  integer,
    namespace text,
    share     integer,
    up_to     integer
)
    language plpgsql
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
#variable_conflict use_column
declare
    v_priorities integer[];
    v_namespaces text[];
    v_due_at     timestamptz[];
    v_aged       integer := 0;
begin
    select array_agg(l.priority), array_agg(l.namespace), array_agg(l.due_at)
    into v_priorities, v_namespaces, v_due_at
    from lanes(p_kind) l where l.due_at <= clock_timestamp();
    if v_priorities is null then
        return;
    end if;
    if cardinality(v_priorities) = 1 then
        return query select v_priorities[1], v_namespaces[1], p_batch, p_batch;
        return;
    end if;
    if exists (select from unnest(v_due_at) d where d < clock_timestamp() - interval '10 s') then
        v_aged := floor(p_batch / 10.0 + random());  -- about one place in ten
    end if;
    return query
    with due as (
        select u.priority, u.namespace, u.due_at
        from unnest(v_priorities, v_namespaces, v_due_at) as u (priority, namespace, due_at)
    )
    select t.priority, t.namespace, t.share, t.up_to
    from (
        -- By priority, where the namespaces of one priority share alike ...
        select 1 as round, d.priority, d.namespace, d.due_at, -d.priority::double precision as rank,
               ceil(p_batch / count(*) over (partition by d.priority)::numeric)::integer as share,
               p_batch - v_aged as up_to
        from due d
        union all
        -- ... some to what has been due for long below the highest priority, by chance, so that the lowest moves
        -- however much there is of the others, and however long that waits itself ...
        select 2, d.priority, d.namespace, d.due_at, random(),
               ceil(v_aged / count(*) over ()::numeric)::integer, p_batch
        from due d
        where v_aged > 0 and d.due_at < clock_timestamp() - interval '10 s'
          and d.priority < (select max(m.priority) from due m)
        union all
        -- ... and what is left over goes to whoever has more.
        select 3, d.priority, d.namespace, d.due_at, -d.priority::double precision, p_batch, p_batch from due d) t
    order by t.round, t.rank, t.due_at;
end
$$;

comment on function due_lanes(text, integer) is
    'In which order, and how many of each, due jobs of a kind are taken to fill a batch: up to share of the lane, as long as no more than up_to have been taken in all. Priorities come first, namespaces of one priority share alike, and about a tenth goes to lower ones that have been due for more than ten seconds.';

create or replace function claim_turn(
    p_session        uuid,
    p_batch          integer,
    p_done_workflows uuid[],
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
    history     json,
    is_long     boolean,
    mail        json,
    children    json
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
    v_lane     record;
    v_more     uuid[];
    v_locked   uuid[] := '{}';
    v_ids      uuid[];
    v_due      text[];  -- of each workflow an array, as text: arrays of one array have one length
    v_done     text[];
begin
    -- Workflows are locked before their jobs, and nothing here ever waits: what others hold is skipped.
    for v_lane in select * from due_lanes('decide', p_batch) loop
        exit when cardinality(v_locked) >= p_batch;
        select array_agg(c.id) into v_more
        from (select w.id
              from jobs j join workflows w on w.id = j.workflow_id
              where j.kind = 'decide' and j.priority = v_lane.priority and j.namespace = v_lane.namespace
                and j.due_at <= now() and w.id <> all (v_locked)
              order by j.due_at
              limit greatest(least(v_lane.share, v_lane.up_to - cardinality(v_locked)), 0)
              for no key update of w skip locked) c;
        v_locked := v_locked || coalesce(v_more, '{}');
    end loop;
    if p_done_workflows <> '{}' then
        select v_locked || coalesce(array_agg(c.id), '{}') into v_locked
        from (select w.id from workflows w where w.id = any (p_done_workflows) order by w.id
              for no key update skip locked) c;
    end if;
    if v_locked = '{}' then
        return;
    end if;

    -- Each workflow's jobs by its id: in a lateral query, and with kinds and times that no index is searched for, no
    -- statistics of a queue that was empty a moment ago can turn this into a search through all jobs.
    select array_agg(l.id), array_agg(d.due::text), array_agg(a.done::text) into v_ids, v_due, v_done
    from (select distinct u.id from unnest(v_locked) as u (id)) l
    left join lateral (
        select array_agg(j.seq) as due
        from (select j.seq from jobs j
              where j.workflow_id = l.id and (j.kind = 'decide' and j.due_at <= now()) is true
              for update skip locked) j) d on true
    left join lateral (
        select array_agg(j.seq) as done
        from (select j.seq from jobs j
              where j.workflow_id = l.id and j.lease_token = any (p_done_tokens)
              for update skip locked) j) a on p_done_tokens <> '{}';

    -- A statement of its own, begun after the workflows were locked: only so it sees their newest events.
    return query
    select w.id, w.namespace, w.name, w.version, w.last_seq, w.priority,
           coalesce(l.due, '{}')::bigint[],
           coalesce((select t.attempt from jobs t where t.workflow_id = w.id and t.seq = 0), 0),
           coalesce(l.done, '{}')::bigint[], case when h.bytes <= 262144 then h.history end,
           w.folded_by is distinct from p_session and w.last_seq >= 1000 or h.bytes > 262144 or h.is_cut,
           -- jobs below zero are about CloudEvents, those above about timers and children
           case when 0 > any (l.due::bigint[]) then mail_of(w.id) end,
           case when 0 < any (l.due::bigint[]) then children_of(w.id, l.due::bigint[]) end
    from unnest(v_ids, v_due, v_done) as l (id, due, done)
    join workflows w on w.id = l.id
    left join lateral (
        -- what is stored may be compressed, to a 255th at best; what has just been made is not, and takes its bytes
        select n.history, pg_column_size(n.history) as bytes, n.is_cut
        from (select json_agg(json_build_array(e.seq, e.type, e.task, e.data, e.occurred_at) order by e.seq)
                     filter (where e.stored <= 65536) as history,
                     bool_or(e.stored > 65536) as is_cut
              from (select o.seq, o.type, o.task, o.data, o.occurred_at,
                           sum(pg_column_size(o.data)) over (order by o.seq) as stored
                    from events o
                    where o.workflow_id = w.id
                      and o.seq > case when w.folded_by = p_session then w.folded_seq else 0 end
                      -- long histories are read apart, from their snapshots
                      and (w.folded_by = p_session or w.last_seq < 1000)) e) n) h on true;
end
$$;

comment on function claim_turn(uuid, integer, uuid[], uuid[]) is
    'Locks up to a batch of workflows that are due, and those whose activities are done; returns for each what the session has not folded yet (unless that is long, then histories_of has it), its due jobs, which of the done activities still hold their lease, the CloudEvents that it may want, and how its children are. Locked workflows are skipped, never waited for.';

create or replace function commit_turn(
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
    p_job_namespaces  text[],
    p_job_priorities  integer[],
    p_job_tokens      uuid[],
    p_published_by    uuid[],
    p_published       jsonb[]
) returns void
    language plpgsql security definer
    set search_path from current
    set lock_timeout = '250ms'
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
        ended_at   = case when n.status in ('COMPLETED', 'FAILED', 'CANCELLED') then coalesce(w.ended_at, now()) end
    from unnest(p_workflows, p_seqs_before, p_seqs_after, p_statuses, p_outputs, p_errors)
        as n (id, seq_before, seq_after, status, output, error)
    where w.id = n.id and w.last_seq = n.seq_before;
    get diagnostics v_updated = row_count;
    if v_updated <> cardinality(p_workflows) then
        raise exception 'a workflow of this turn has gone on elsewhere' using errcode = 'PW008';
    end if;

    insert into events (workflow_id, seq, type, task, data, occurred_at, actor)
    select n.workflow_id, n.seq, n.type, n.task, n.data, now(), p_worker
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
        perform workflows_ended(v_ended);
    end if;

    if p_published <> '{}' then
        perform publish_emitted(p_published_by, p_published);
    end if;

    if p_jobs_of <> '{}' then
        insert into jobs (workflow_id, seq, kind, due_at, namespace, priority, lease_token, worker_id, attempt)
        select n.workflow_id, n.seq, n.kind,
               case when n.token is not null then clock_timestamp() + p_lease else coalesce(n.due_at, now()) end,
               n.namespace, n.priority, n.token,
               case when n.token is not null then p_worker end,
               case when n.token is not null then 1 else 0 end
        from unnest(p_jobs_of, p_jobs, p_job_kinds, p_job_due_at, p_job_namespaces, p_job_priorities, p_job_tokens)
            as n (workflow_id, seq, kind, due_at, namespace, priority, token)
        on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
            update set due_at = least(jobs.due_at, excluded.due_at);  -- another turn, put off before
        if exists (select from unnest(p_job_kinds, p_job_tokens) as n (kind, token)
                   where n.kind = 'perform' and n.token is null) then
            perform wake_workers(p_worker);
        end if;
    end if;
end
$$;

comment on function commit_turn(uuid, text, interval, uuid[], bigint[], text[], text[], jsonb[], uuid[], bigint[], bigint[], text[], jsonb[], jsonb[], uuid[], bigint[], uuid[], bigint[], text[], timestamptz[], text[], integer[], uuid[], uuid[], jsonb[]) is
    'Writes a turn: the new events, the workflows'' rows, the jobs that are done and the ones that follow. A job with a token is leased to the worker from the start. PW008 if a workflow is not where the turn found it.';

create or replace function claim_activities(p_worker text, p_slots integer, p_lease interval) returns table (
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
    v_lane      record;
    v_workflows uuid[];
    v_seqs      bigint[];
    v_taken     integer := 0;
    v_now       timestamptz := clock_timestamp();  -- no index is searched for what may change meanwhile
begin
    for v_lane in select * from due_lanes('perform', p_slots) loop
        exit when v_taken >= p_slots;
        select array_agg(d.workflow_id), array_agg(d.seq) into v_workflows, v_seqs
        from (select j.workflow_id, j.seq from jobs j
              where j.kind = 'perform' and j.priority = v_lane.priority and j.namespace = v_lane.namespace
                and j.due_at <= v_now
              order by j.due_at
              limit greatest(least(v_lane.share, v_lane.up_to - v_taken), 0)
              for update skip locked) d;
        continue when v_workflows is null;
        -- One that was given back while its workflow ended was left over.
        delete from jobs j
        using unnest(v_workflows, v_seqs) as d (workflow_id, seq), workflows w
        where j.workflow_id = d.workflow_id and j.seq = d.seq and w.id = d.workflow_id
          and w.status in ('COMPLETED', 'FAILED', 'CANCELLED');
        -- A due job that has a token lost its holder: the new token makes the old one void.
        return query
        update jobs j
        set attempt = j.attempt + 1, lease_token = gen_random_uuid(), worker_id = p_worker,
            due_at = clock_timestamp() + p_lease, running_since = null, output_bytes = null, messages = null
        from unnest(v_workflows, v_seqs) as d (workflow_id, seq)
        where j.workflow_id = d.workflow_id and j.seq = d.seq
        returning j.workflow_id, j.seq, j.attempt, j.lease_token,
            (select e.task from events e where e.workflow_id = j.workflow_id and e.seq = j.seq),
            (select e.data from events e where e.workflow_id = j.workflow_id and e.seq = j.seq);
        v_taken := v_taken + coalesce(cardinality(v_seqs), 0);
    end loop;
end
$$;

comment on function claim_activities(text, integer, interval) is
    'Leases up to so many due activities to a worker, each with a new token and the next attempt number; among them those whose lease has run out.';

create or replace function heartbeat(
    p_worker       text,
    p_busy         integer,
    p_lease        interval,
    p_workflows    uuid[],
    p_seqs         bigint[],
    p_tokens       uuid[],
    p_seconds      double precision[] default null,
    p_output_bytes bigint[] default null,
    p_messages     bigint[] default null
) returns table (known boolean, workflow_id uuid, seq bigint)
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
begin
    update workers
    set heartbeat_at = v_now, busy = p_busy,
        busy_since = v_now - (select max(s.seconds) from unnest(p_seconds) as s (seconds)) * interval '1 second',
        output_bytes = (select coalesce(sum(s.bytes), 0) from unnest(p_output_bytes) as s (bytes))
    where id = p_worker;
    return query select found, null::uuid, null::bigint;
    perform forget_workers(null, 10 * p_lease);
    -- skip locked: a job that somebody holds this moment is about to end or gets its beat next time
    update jobs j
    set due_at = clock_timestamp() + p_lease,
        running_since = v_now - held.seconds * interval '1 second',
        output_bytes = held.output_bytes,
        messages = held.messages
    from (select l.workflow_id, l.seq, p.seconds, p.output_bytes, p.messages
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens, p_seconds, p_output_bytes, p_messages)
               as p (workflow_id, seq, token, seconds, output_bytes, messages)
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

comment on function heartbeat(text, integer, interval, uuid[], bigint[], uuid[], double precision[], bigint[], bigint[]) is
    'Says that the worker is alive, extends its leases, tells of those activities that are long how many seconds they have been performed and what they have given so far (null for the others), and forgets workers that have been silent for ten leases. The first row tells whether the worker is known (it was forgotten otherwise), the others which leases it has lost (cancelled, or taken back).';

create or replace function release_activities(p_workflows uuid[], p_seqs bigint[], p_tokens uuid[]) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update jobs j
    set lease_token = null, worker_id = null, due_at = now(), attempt = greatest(j.attempt - 1, 0),
        running_since = null, output_bytes = null, messages = null,
        kind = case given.status when 'PAUSED' then 'held perform' else 'perform' end
    from (select l.workflow_id, l.seq, (select w.status from workflows w where w.id = l.workflow_id) as status
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
               on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token
          -- never waiting: a turn may hold what this would wait for, and wait for what this holds
          for update of l skip locked) given
    where j.workflow_id = given.workflow_id and j.seq = given.seq;
    perform wake_workers();
end
$$;

comment on function release_activities(uuid[], bigint[], uuid[]) is
    'Gives leased activities back, to be performed by others at once; the attempt does not count.';

create or replace function postpone_turn(p_workflow uuid, p_delay interval) returns integer
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_namespace text;
    v_priority  integer;
    v_strikes   integer;
begin
    select namespace, priority into v_namespace, v_priority from workflows
    where id = p_workflow and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    for no key update;
    if v_priority is null then
        return 0;
    end if;
    update jobs set due_at = clock_timestamp() + p_delay
    where workflow_id = p_workflow and kind = 'decide' and due_at < clock_timestamp() + p_delay;
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority, attempt)
    values (p_workflow, 0, 'decide', clock_timestamp() + p_delay, v_namespace, v_priority, 1)
    on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
        update set attempt = jobs.attempt + 1
    returning attempt into v_strikes;
    return v_strikes;
end
$$;

comment on function postpone_turn(uuid, interval) is
    'A strike against a workflow that could not be decided upon: its turn comes later. Returns the strikes so far.';

create or replace function register_worker(
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

create or replace function forget_workers(p_id text, p_silent_for interval) returns integer
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

create or replace function declare_idle(p_worker text, p_idle boolean) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update workers set idle = p_idle where id = p_worker and idle <> p_idle;
end
$$;

comment on function declare_idle(text, boolean) is
    'Says that the worker goes to sleep and wants to be notified, or that it is awake.';

create or replace function outlook(
    p_performs boolean default true, p_worker text default null, p_lease interval default null
) returns table (
    work_in      interval,
    correlate_in interval,
    schedule_in  interval,
    known        boolean
)
    language plpgsql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_work  timestamptz;
    v_now   timestamptz := clock_timestamp();
    v_known boolean := p_worker is null;
    v_quiet boolean;  -- the worker has not been heard of for a while
begin
    select heartbeat_at < v_now - p_lease / 3 into v_quiet from workers where id = p_worker;
    v_known := v_known or found;
    if v_quiet then
        update workers set heartbeat_at = v_now, busy = 0, busy_since = null, output_bytes = 0 where id = p_worker;
        perform forget_workers(null, 10 * p_lease);
    end if;
    select min(l.due_at) into v_work
    from (select due_at from lanes('decide') union all select due_at from lanes('perform') where p_performs) l;
    return query
    select case when t.work_at is not null and isfinite(t.work_at) then greatest(t.work_at - v_now, '0') end,
           case when t.correlate_at is not null then greatest(t.correlate_at - v_now, '0') end,
           case when t.schedule_at is not null then greatest(t.schedule_at - v_now, '0') end,
           v_known
    from (select v_work as work_at,
                 (select min(j.due_at) from jobs j where j.kind = 'correlate') as correlate_at,
                 (select min(j.due_at) from jobs j where j.kind = 'schedule') as schedule_at) t;
end
$$;

comment on function outlook(boolean, text, interval) is
    'How long, by the database''s clock, until a job is due that a turn takes up (activities count for those that can perform more), until a CloudEvent is to be correlated, and until a schedule is to be looked after; null where there is nothing. A worker that has nothing to do says so, which is its heartbeat, and learns whether it is known (it was forgotten otherwise).';

create or replace function claim_schedules(p_batch integer) returns table (
    id               uuid,
    namespace        text,
    name             text,
    version          text,
    created_at       timestamptz,
    next_at          timestamptz,
    last_workflow_id uuid,
    last_ended_at    timestamptz,
    listens          jsonb,
    subscribed       boolean,
    mail             json,
    now              timestamptz
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
    v_ids uuid[];
    v_now timestamptz := clock_timestamp();  -- no index is searched for what may change meanwhile
begin
    perform set_config('idle_in_transaction_session_timeout', '20s', true);  -- who falls silent lets go of them
    select array_agg(c.id) into v_ids
    from (select s.id
          from (select o.workflow_id, min(o.due_at) as due_at
                from (select q.workflow_id, q.due_at from jobs q
                      where q.kind = 'schedule' and q.due_at <= v_now
                      -- so many that others may hold the first of them
                      order by q.due_at limit 10 * p_batch) o
                group by o.workflow_id) d
          join schedules s on s.id = d.workflow_id
          order by d.due_at
          limit p_batch
          for no key update of s skip locked) c;
    -- With them go the jobs of schedules that a newer version has ended while these came.
    delete from jobs j
    using (select o.workflow_id, o.seq from jobs o
           where o.workflow_id = any (v_ids) and o.kind = 'schedule' and o.due_at <= v_now
           for update skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq;
    delete from jobs j
    using (select o.workflow_id, o.seq
           from (select q.workflow_id, q.seq from jobs q
                 where q.kind = 'schedule' and q.due_at <= v_now
                 order by q.due_at limit p_batch) d
           join jobs o on o.workflow_id = d.workflow_id and o.seq = d.seq
           where not exists (select from schedules s where s.id = o.workflow_id)
           for update of o skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq;
    return query
    select s.id, s.namespace, s.name, s.version, s.created_at, s.next_at, s.last_workflow_id,
           -- one that was purged has ended
           case when w.id is null and s.last_workflow_id is not null then clock_timestamp() else w.ended_at end, s.listens,
           exists (select from subscriptions b where b.workflow_id = s.id), mail_of(s.id), clock_timestamp()
    from schedules s
    left join workflows w on w.id = s.last_workflow_id
    where s.id = any (v_ids);
end
$$;

comment on function claim_schedules(integer) is
    'Locks, until the end of the transaction, schedules that are to be looked after, and takes their jobs away.';

create or replace function settle_schedule(
    p_id uuid, p_next_at timestamptz, p_starts jsonb[], p_due_at timestamptz, p_listens jsonb,
    p_consumed uuid[], p_seen bigint, p_problem text
) returns void
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_schedule schedules;
    v_input    jsonb;
    v_last     uuid;
begin
    select * into v_schedule from schedules s where s.id = p_id;
    foreach v_input in array p_starts loop
        v_last := start_workflow(v_schedule.name, v_input, v_schedule.version, v_schedule.namespace);
    end loop;
    update schedules s
    set next_at = p_next_at, listens = p_listens, problem = p_problem,
        runs = s.runs + cardinality(p_starts),
        last_at = case when v_last is null then s.last_at else coalesce(p_due_at, now()) end,
        last_workflow_id = coalesce(v_last, s.last_workflow_id)
    where s.id = p_id;
    insert into consumptions (workflow_id, seq, event_id) select p_id, 1, u.id from unnest(p_consumed) as u (id);
    if p_seen is not null then
        update subscriptions s set seen = p_seen where s.workflow_id = p_id;
        perform tell_listeners(array[p_id], array[1::bigint]);
    end if;
    if p_next_at is not null then
        insert into jobs (workflow_id, seq, kind, due_at) values (p_id, 0, 'schedule', p_next_at)
        on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do update set due_at = excluded.due_at;
    end if;
end
$$;

comment on function settle_schedule(uuid, timestamptz, jsonb[], timestamptz, jsonb, uuid[], bigint, text) is
    'Starts one workflow for each input on behalf of a schedule, and keeps where the schedule stands.';

create or replace function subscribe_schedule(
    p_id uuid, p_filters integer[], p_correlations text[], p_types text[], p_keys jsonb[], p_values text[]
) returns void
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_schedule schedules;
begin
    -- Alone, since a transaction settles several schedules: correlations are locked in one order in each only.
    perform lock_correlation(p_alone => true);
    select * into v_schedule from schedules s where s.id = p_id;
    perform correlate_backwards(p_correlations, p_types, p_keys,
                                array_fill(v_schedule.created_at, array[cardinality(p_correlations)]));
    insert into subscriptions (workflow_id, seq, filter, kind, correlation, value, published_from, seen)
    select p_id, 1, u.filter, 'schedule', u.correlation, u.value, v_schedule.created_at, v_schedule.event_floor
    from unnest(p_filters, p_correlations, p_values) as u (filter, correlation, value);
    perform tell_listeners(array[p_id], array[1::bigint]);
end
$$;

comment on function subscribe_schedule(uuid, integer[], text[], text[], jsonb[], text[]) is
    'A schedule begins to listen for the CloudEvents that trigger it.';

create or replace function keep_snapshots(
    p_workflows uuid[], p_seqs bigint[], p_formats integer[], p_states bytea[], p_digests text[]
) returns void
    language sql security definer
    set search_path from current
as $$
    insert into snapshots (workflow_id, seq, format, state, digest)
    select u.workflow_id, u.seq, u.format, u.state, u.digest
    from unnest(p_workflows, p_seqs, p_formats, p_states, p_digests) as u (workflow_id, seq, format, state, digest)
    order by u.workflow_id
    on conflict on constraint a_workflow_has_one_snapshot do update
    set seq = excluded.seq, format = excluded.format, state = excluded.state, digest = excluded.digest,
        taken_at = now()
$$;

comment on function keep_snapshots(uuid[], bigint[], integer[], bytea[], text[]) is
    'Keeps the states of workflows as of an event, instead of earlier ones.';

create or replace function histories_of(p_workflows uuid[], p_formats integer[]) returns table (
    workflow_id uuid,
    snapshot    bytea,
    history     json
)
    language sql stable security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select u.id, s.state, h.history
    from unnest(p_workflows) as u (id)
    left join snapshots s on s.workflow_id = u.id and s.format = any (p_formats)
    cross join lateral (
        select json_agg(json_build_array(e.seq, e.type, e.task, e.data, e.occurred_at) order by e.seq) as history
        from events e
        where e.workflow_id = u.id and e.seq > coalesce(s.seq, 0)) h
$$;

comment on function histories_of(uuid[], integer[]) is
    'What states are rebuilt from: the snapshot, if there is one in a known format, and the events after it.';

create or replace function keep_resources(
    p_namespace text, p_name text, p_version text, p_uris text[], p_contents jsonb[], p_worker text
) returns void
    language sql security definer
    set search_path from current
as $$
    -- the first who loads them settles what they are
    insert into resources (namespace, name, version, uri, content, loaded_by)
    select p_namespace, p_name, p_version, u.uri, u.content, p_worker
    from unnest(p_uris, p_contents) as u (uri, content)
    on conflict on constraint a_resource_belongs_to_a_definition do nothing
$$;

comment on function keep_resources(text, text, text, text[], jsonb[], text) is
    'Keeps what a definition refers to, as it was loaded.';

create or replace function declare_functions(names text[] default '{}') returns text[]
    language plpgsql security definer
    set search_path from current
    set lock_timeout = '250ms'  -- somebody's open transaction may have declared the same
as $$
declare
    v_wrong text;
begin
    select n.name into v_wrong from unnest(names) as n (name)
    where n.name is null or n.name !~ '^[A-Za-z_][A-Za-z0-9_.-]{0,99}$' limit 1;
    if found then
        raise exception 'no function can be called %', coalesce(quote_literal(left(v_wrong, 200)), 'null')
            using errcode = 'PW001', hint = 'Letters, digits, dots, dashes and underscores, and a letter first.';
    end if;
    -- in one order, so that workers that start together do not wait for each other in a circle
    insert into functions (name)
    select distinct n.name from unnest(names) as n (name) order by n.name
    on conflict on constraint a_function_is_known_by_its_name do nothing;
    return coalesce((select array_agg(f.name order by f.name) from functions f), '{}');
end
$$;

comment on function declare_functions(text[]) is
    'Lets documents call Python functions of these names, which workers have or will have; returns all names that are known. Workers do so when they start.';

create or replace function put_off(p_workflows uuid[], p_delay interval) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    update jobs j set due_at = clock_timestamp() + p_delay
    from (select o.workflow_id, o.seq from jobs o
          where o.workflow_id = any (p_workflows) and o.kind = 'decide' and o.due_at <= clock_timestamp()
          -- what somebody else holds this moment is not waited for, and comes again by itself
          for update skip locked) o
    where j.workflow_id = o.workflow_id and j.seq = o.seq
$$;

comment on function put_off(uuid[], interval) is
    'Lets workflows wait for what their definition refers to; unlike postpone_turn it is no strike against them.';

create or replace function note_problems(p_namespace text, p_name text, p_version text, p_problems text) returns void
    language sql security definer
    set search_path from current
as $$
    update definitions set problems = p_problems
    where namespace = p_namespace and name = p_name and version = p_version and problems is distinct from p_problems
$$;

comment on function note_problems(text, text, text, text) is
    'Keeps what a worker found wrong with a definition, to be seen where definitions are listed.';

create or replace function export_workflow(id uuid) returns setof text
    language plpgsql stable security definer
    set search_path from current
    set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
    v_one   workflows;
    v_key   text;
    v_known text[] := '{}';
begin
    perform must_exist(export_workflow.id);
    for v_one in
        with recursive family (id, depth) as (
            select export_workflow.id, 0
            union all
            select c.id, f.depth + 1 from family f join workflows c on c.parent_id = f.id
        )
        select w.* from family f join workflows w on w.id = f.id order by f.depth, w.created_at, w.id
    loop
        v_key := format('%s/%s:%s', v_one.namespace, v_one.name, v_one.version);
        if v_key <> all (v_known) then
            v_known := v_known || v_key;
            return query select jsonb_build_object('definition', to_jsonb(d) - 'version_order' - 'problems')::text
                from definitions d
                where d.namespace = v_one.namespace and d.name = v_one.name and d.version = v_one.version;
            return query select jsonb_build_object('resource', to_jsonb(r))::text
                from resources r
                where r.namespace = v_one.namespace and r.name = v_one.name and r.version = v_one.version
                order by r.uri;
        end if;
        -- a value that is null is told from one that is not there
        return next jsonb_build_object('workflow', to_jsonb(v_one) - array['folded_by', 'folded_seq', 'event_floor']
            - case when v_one.input is null then 'input' else '' end
            - case when v_one.output is null then 'output' else '' end
            - case when v_one.error is null then 'error' else '' end)::text;
        return query select jsonb_build_object('event', to_jsonb(e))::text
            from events e where e.workflow_id = v_one.id order by e.seq;
        return query select jsonb_build_object('consumption', to_jsonb(c))::text
            from consumptions c where c.workflow_id = v_one.id order by c.seq, c.event_id;
    end loop;
end
$$;

comment on function export_workflow(uuid) is
    'A workflow and those that it started, whole, as lines of JSON: definitions and their resources, rows, histories, consumed CloudEvents. pgworker export writes them with a header and a checksum.';

-- Whoever imports needs the rights to write to the tables himself: only the schema's owner can.
create or replace function import_workflow(lines jsonb[]) returns integer
    language plpgsql
    set search_path from current
as $$
declare
    v_taken    text;
    v_imported integer;
begin
    insert into definitions (namespace, name, version, version_order, document, digest, created_at, created_by)
    select r.namespace, r.name, r.version, version_order(r.version), r.document,
           encode(sha256(convert_to(r.document::text, 'UTF8')), 'hex'), r.created_at, r.created_by
    from unnest(lines) line, jsonb_populate_record(null::definitions, line -> 'definition') r
    where line ? 'definition'
    on conflict on constraint a_definition_is_known_by_namespace_name_and_version do nothing;

    select format('%s/%s:%s', d.namespace, d.name, d.version) into v_taken
    from unnest(lines) line, jsonb_populate_record(null::definitions, line -> 'definition') r
    join definitions d on d.namespace = r.namespace and d.name = r.name and d.version = r.version
    where line ? 'definition' and d.document <> r.document
    limit 1;
    if found then
        raise exception '% is defined here already, with other content', v_taken using errcode = 'PW003',
            hint = 'A workflow can be imported only where its own definition holds.';
    end if;

    insert into resources (namespace, name, version, uri, content, loaded_at, loaded_by)
    select r.namespace, r.name, r.version, r.uri, line #> '{resource,content}', r.loaded_at, r.loaded_by
    from unnest(lines) line, jsonb_populate_record(null::resources, line -> 'resource') r
    where line ? 'resource'
    on conflict on constraint a_resource_belongs_to_a_definition do nothing;

    select format('the workflow %s is here already', w.id) into v_taken
    from unnest(lines) line join workflows w on w.id = (line #>> '{workflow,id}')::uuid
    limit 1;
    if not found then
        select format('the idempotency key %s of %s/%s has started another workflow here', w.idempotency_key,
                      w.namespace, w.name) into v_taken
        from unnest(lines) line
        join workflows w on w.namespace = line #>> '{workflow,namespace}' and w.name = line #>> '{workflow,name}'
             and w.idempotency_key = line #>> '{workflow,idempotency_key}'
        limit 1;
    end if;
    if found then
        raise exception '%', v_taken using errcode = 'PW003', hint = 'Nothing was imported.';
    end if;

    insert into workflows (id, namespace, name, version, status, input, output, error, last_seq, parent_id, labels,
                           idempotency_key, priority, created_at, started_at, ended_at, parent_seq, parent_waits)
    select r.id, r.namespace, r.name, r.version, r.status, line #> '{workflow,input}', line #> '{workflow,output}',
           line #> '{workflow,error}', r.last_seq, r.parent_id, r.labels, r.idempotency_key, r.priority,
           r.created_at, r.started_at, r.ended_at, r.parent_seq, r.parent_waits
    from unnest(lines) line, jsonb_populate_record(null::workflows, line -> 'workflow') r
    where line ? 'workflow';
    get diagnostics v_imported = row_count;

    insert into events (workflow_id, seq, type, task, data, occurred_at, actor)
    select r.workflow_id, r.seq, r.type, r.task, line #> '{event,data}', r.occurred_at, r.actor
    from unnest(lines) line, jsonb_populate_record(null::events, line -> 'event') r
    where line ? 'event';

    insert into consumptions (workflow_id, event_id, seq)
    select r.workflow_id, r.event_id, r.seq
    from unnest(lines) line, jsonb_populate_record(null::consumptions, line -> 'consumption') r
    where line ? 'consumption';
    return v_imported;
end
$$;

comment on function import_workflow(jsonb[]) is
    'Takes in lines of export_workflow as they are, rows before their events; returns how many workflows came. PW003 for a workflow, key or other definition that is here already. pgworker import checks that what comes is whole and sound.';

create or replace function purge_cloud_events(p_before timestamptz, p_batch integer) returns bigint
    language plpgsql security definer
    set search_path from current
as $$
declare
    -- Whoever lives may still begin to listen for what was published since it was created, and who failed may be retried.
    v_oldest timestamptz := least(
        p_before,
        (select min(created_at) from workflows where status not in ('COMPLETED', 'FAILED', 'CANCELLED')),
        (select min(created_at) from workflows where status = 'FAILED' and error is not null));  -- by its index
    v_purged uuid[];
begin
    with old as (
        select c.id from cloud_events c
        where c.published_at < v_oldest
          and not exists (select from jobs j where j.workflow_id = c.id and j.kind = 'correlate')
          -- what a schedule has not looked at yet may start a workflow
          and not exists (select from correlated_events o
                          join subscriptions s on s.correlation = o.correlation and s.value = o.value
                               and o.position > s.seen
                          where o.event_id = c.id and s.kind = 'schedule')
        order by c.published_at
        limit p_batch
        for update skip locked
    ), gone as (
        delete from cloud_events c using old where c.id = old.id returning c.id
    )
    select array_agg(gone.id) into v_purged from gone;
    delete from correlated_events o
    using correlations k, unnest(v_purged) as u (id)
    where o.correlation = k.id and o.event_id = u.id;
    delete from consumptions c  -- those of workflows go with them
    using schedules s, unnest(v_purged) as u (id)
    where c.workflow_id = s.id and c.event_id = u.id;
    return coalesce(cardinality(v_purged), 0);
end
$$;

comment on function purge_cloud_events(timestamptz, integer) is
    'Removes up to a batch of CloudEvents that were published before then and that nobody can consume any more; returns how many.';

create or replace function purge_ended(
    p_older_than interval, p_statuses text[], p_batch integer, out workflows bigint, out cloud_events bigint
)
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_purged uuid[];
    v_before timestamptz;
begin
    if p_older_than is null or not p_older_than between interval '0' and interval '1000 years'
       or p_batch is null or p_batch < 1 then
        raise exception 'purge takes an age of a thousand years at most and a batch of at least 1' using errcode = 'PW001',
            hint = 'Such as select purge(interval ''30 days'');';
    end if;
    if not p_statuses <@ array['COMPLETED', 'FAILED', 'CANCELLED'] then
        raise exception 'only workflows that have ended are purged: COMPLETED, FAILED or CANCELLED'
            using errcode = 'PW001', hint = format('%s is not among them.', p_statuses);
    end if;
    v_before := now() - p_older_than;
    -- Rows first: what belongs to a workflow may go once its row has gone. Whoever steers one this moment keeps it.
    with old as (
        select w.id from workflows w
        where w.ended_at < v_before and w.status = any (p_statuses)
          -- a parent that still runs may ask for it
          and not exists (select from workflows p where p.id = w.parent_id
                            and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
        order by w.created_at
        limit p_batch
        for update skip locked
    ), gone as (
        delete from workflows w using old where w.id = old.id returning w.id
    )
    select array_agg(gone.id) into v_purged from gone;
    delete from events where workflow_id = any (v_purged);
    delete from consumptions where workflow_id = any (v_purged);
    delete from snapshots where workflow_id = any (v_purged);
    purge_ended.workflows := coalesce(cardinality(v_purged), 0);
    purge_ended.cloud_events := purge_cloud_events(v_before, p_batch);
end
$$;

comment on function purge_ended(interval, text[], integer) is
    'Removes up to a batch of workflows that ended longer ago, whole with their histories, and up to a batch of CloudEvents; returns how many of each.';

create or replace function purge(
    older_than interval,
    statuses   text[]  default array['COMPLETED', 'FAILED', 'CANCELLED'],
    batch      integer default 1000
) returns bigint
    language sql security definer
    set search_path from current
as $$
    select case when gone.workflows > 0 then gone.workflows else gone.cloud_events end
    from purge_ended(older_than, statuses, batch) gone
$$;

comment on function purge(interval, text[], integer) is
    'Removes workflows that ended longer ago, whole with their histories, up to a batch of them, and up to a batch of CloudEvents of that age that nobody can consume any more; returns how many workflows or, once none is left, CloudEvents. Call it until it returns 0, each time in a transaction of its own.';

create or replace function legible_time(p_text text) returns timestamptz
    language plpgsql stable strict
    set search_path from current
as $$
begin
    return p_text::timestamptz;
exception
    when data_exception then
        return null;
end
$$;

comment on function legible_time(text) is 'The time that a text tells; null where it tells none.';

create or replace function legible_uuid(p_text text) returns uuid
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select case when p_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid end
$$;

comment on function legible_uuid(text) is 'The id that a text is; null where it is none.';

create or replace function legible_events(p_first uuid, p_last uuid) returns table (
    workflow_id uuid,
    seq         bigint,
    type        text,
    task        text,
    data        jsonb,
    occurred_at timestamptz,
    start       bigint
)
    language sql stable security definer
    set search_path from current
as $$
    select e.workflow_id, e.seq, e.type, e.task, d.data, e.occurred_at,
           case when d.data -> 'start' between '0' and '9223372036854775807' then (d.data ->> 'start')::numeric::bigint end
    from events e
    cross join lateral (select case when jsonb_typeof(e.data) = 'object' then e.data else '{}' end as data) d
    where e.workflow_id between p_first and p_last
$$;

comment on function legible_events(uuid, uuid) is
    'The events of the workflows between two ids as checks read them, whatever has become of them: data that is no object is empty, and start is a number or null.';

create or replace function standing_events(p_first uuid, p_last uuid) returns table (
    workflow_id uuid,
    seq         bigint,
    type        text,
    task        text,
    data        jsonb,
    occurred_at timestamptz,
    start       bigint
)
    language sql stable security definer
    set search_path from current
as $$
    with undone as materialized (
        -- a failure that was retried, and what was done after the point to which the workflow then went back
        select r.workflow_id, r.seq - 1 as first, r.seq as until
        from events r where r.workflow_id between p_first and p_last and r.type = 'workflow.retried'
        union all
        select r.workflow_id, (r.data ->> 'to')::numeric::bigint + 1, r.seq
        from events r where r.workflow_id between p_first and p_last and r.type = 'workflow.rewound'
          and r.data -> 'to' between '0' and '9000000000000000000'
    )
    select e.* from legible_events(p_first, p_last) e
    where not exists (select from undone u
                      where u.workflow_id = e.workflow_id and e.seq >= u.first and e.seq < u.until)
$$;

comment on function standing_events(uuid, uuid) is
    'The events of the workflows between two ids, but for what was undone when a failed workflow was retried.';

create or replace function ended_jobs(p_first uuid, p_last uuid) returns table (
    workflow_id uuid, seq bigint, job numeric
)
    language sql stable security definer
    set search_path from current
as $$
    select e.workflow_id, e.seq, case when jsonb_typeof(j.job) = 'number' then (j.job #>> '{}')::numeric end
    from events e
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof(e.data -> 'ends_jobs') = 'array' then e.data -> 'ends_jobs' end) j (job)
    where e.workflow_id between p_first and p_last and e.data ? 'ends_jobs' and is_engines_type(e.type)
$$;

comment on function ended_jobs(uuid, uuid) is
    'The timers and activities of the workflows between two ids that events have made void: which event, and which job.';

create or replace function check_numbering(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with counted as (
        select w.id, w.status, w.last_seq, w.folded_seq, count(e.seq) as events, min(e.seq) as first, max(e.seq) as last,
               array_agg(e.seq) filter (where e.type = 'workflow.started') as started,
               -- what failed may have been retried
               array_agg(e.type order by e.seq) filter (
                   where e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled') and e.seq > r.seq) as ended,
               min(e.seq) filter (
                   where e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled') and e.seq > r.seq) as ended_at
        from workflows w
        left join events e on e.workflow_id = w.id
        cross join lateral (select coalesce(max(a.seq), 0) as seq from events a
                            where a.workflow_id = w.id and a.type = 'workflow.retried') r
        where w.id between p_first and p_last
        group by w.id
    )
    select 'the numbers of the events are not 1..n, or last_seq is not n', id,
           format('last_seq %s; %s events from %s to %s', last_seq, events, first, last)
    from counted where events <> last_seq or first is distinct from 1 or last is distinct from last_seq
    union all
    select 'the history does not begin with the only workflow.started', id, format('workflow.started at %s', started)
    from counted where started is distinct from '{1}'
    union all
    select 'the terminal events are not those of the status', id, format('%s with %s', status, coalesce(ended, '{}'))
    from counted
    where ended is distinct from case when status in ('COMPLETED', 'FAILED', 'CANCELLED')
                                      then array['workflow.' || lower(status)] end
    union all
    select 'something follows the terminal event', id, format('it is %s of %s', ended_at, last)
    from counted where last > ended_at
    union all
    select 'a worker is believed to know more than there is', id, format('folded_seq %s of %s', folded_seq, last_seq)
    from counted where folded_seq > last_seq
    union all
    select 'events belong to no workflow', e.workflow_id, format('%s events', count(*))
    from events e
    where e.workflow_id between p_first and p_last and not exists (select from workflows w where w.id = e.workflow_id)
    group by e.workflow_id
$$;

comment on function check_numbering(uuid, uuid) is
    'What is wrong with the numbers and the ends of the histories of the workflows between two ids.';

create or replace function check_results(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with of_tasks as (
        select e.* from standing_events(p_first, p_last) e
        where split_part(e.type, '.', 1) in ('task', 'branch', 'extension')
    ), ends as (
        select e.workflow_id, e.seq, e.type, e.task, e.data, e.start
        from of_tasks e
        where e.start is not null
          and e.type in ('task.completed', 'task.failed', 'task.cancelled', 'branch.completed', 'branch.failed',
                         'branch.cancelled', 'extension.completed', 'extension.failed', 'extension.cancelled')
    ), starts as (
        select e.workflow_id, e.seq, e.type, e.task, e.data
        from of_tasks e
        where e.type in ('task.started', 'branch.started', 'extension.started')
    ), pairs as (
        select r.*, s.seq as started, s.data as scheduled
        from ends r
        left join starts s on s.workflow_id = r.workflow_id and s.seq = r.start and s.seq < r.seq
             and s.task is not distinct from r.task and split_part(s.type, '.', 1) = split_part(r.type, '.', 1)
    )
    select 'what began once has ended more than once', r.workflow_id,
           format('start %s, ends %s', r.start, array_agg(r.seq order by r.seq))
    from ends r group by r.workflow_id, r.start having count(*) > 1
    union all
    select 'what began has not ended, and its workflow is COMPLETED', s.workflow_id, format('%s at %s', s.type, s.seq)
    from starts s
    join workflows w on w.id = s.workflow_id and w.status = 'COMPLETED'
    where not exists (select from ends r where r.workflow_id = s.workflow_id and r.start = s.seq)
    union all
    select 'an end has no beginning before it', p.workflow_id, format('%s at %s', p.type, p.seq)
    from pairs p where p.started is null
    union all
    select 'a result does not say which attempt it is of, and under which lease', p.workflow_id,
           format('%s at %s', p.type, p.seq)
    from pairs p
    where p.scheduled ? 'activity' and p.type = 'task.completed'
      and not (p.data ? 'token' and p.data -> 'attempt' between '1' and '2147483647') is true
$$;

comment on function check_results(uuid, uuid) is
    'What is wrong with the results of tasks, branches and extensions of the workflows between two ids: each activation ends once.';

create or replace function check_timers(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with told as (
        select e.workflow_id, e.seq as by, 'set' as what, e.seq::numeric as timer, e.occurred_at,
               legible_time(e.data ->> 'due_at') as due_at
        from events e
        where e.workflow_id between p_first and p_last and e.type in ('timer.set', 'task.retried') and e.data ? 'due_at'
        union all
        select e.workflow_id, e.seq, 'fired', case when jsonb_typeof(e.data -> 'timer') = 'number' then (e.data ->> 'timer')::numeric end,
               e.occurred_at, null
        from events e
        where e.workflow_id between p_first and p_last and e.type = 'timer.fired'
        union all
        select e.workflow_id, e.seq, 'void', e.job, null, null from ended_jobs(p_first, p_last) e
    ), timers as (
        -- counted, and not looked for one by one, as a history may be long
        select t.workflow_id, t.timer, min(t.by) filter (where t.what = 'set') as set_at, min(t.due_at) as due_at,
               count(*) filter (where t.what = 'fired') as fired, min(t.by) filter (where t.what = 'fired') as fired_by,
               min(t.occurred_at) filter (where t.what = 'fired') as fired_at,
               array_agg(t.by order by t.by) filter (where t.what = 'fired') as firings,
               bool_or(t.what = 'void') as is_void
        from told t
        group by t.workflow_id, t.timer
    )
    select 'a timer fired that was not set, or more than once', t.workflow_id,
           format('timer %s fired at %s', t.timer, t.firings)
    from timers t
    where t.fired > 1 or t.fired = 1 and (t.set_at is null or t.set_at > t.fired_by)
    union all
    select 'a timer fired early', t.workflow_id, format('at %s', t.fired_by)
    from timers t
    where t.fired > 0 and t.fired_at < t.due_at
    union all
    select 'a timer that is set has no job', t.workflow_id, format('at %s', t.set_at)
    from timers t
    join workflows w on w.id = t.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where t.set_at is not null and t.fired = 0 and not t.is_void
      and not exists (select from jobs j where j.workflow_id = t.workflow_id and j.seq = t.set_at and j.kind in ('decide', 'held decide'))
      and not exists (select from events r where r.workflow_id = t.workflow_id and r.seq > t.set_at
                        and r.type = 'workflow.retried')
$$;

comment on function check_timers(uuid, uuid) is
    'What is wrong with the timers of the workflows between two ids: each fires once and never early, or is void.';

create or replace function check_jobs(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with live as (
        select w.id, w.status,
               (select coalesce(max(e.seq), 0) from events e
                where e.workflow_id = w.id and e.type = 'workflow.retried') as retried
        from workflows w
        where w.id between p_first and p_last and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    ), queue as (
        select j.* from jobs j where j.workflow_id between p_first and p_last
    ), ended as (
        select e.workflow_id, e.seq as by, case when jsonb_typeof(e.data -> 'start') = 'number' then (e.data ->> 'start')::numeric end as seq
        from live l join events e on e.workflow_id = l.id
        where e.seq > l.retried and e.type in ('task.completed', 'task.failed', 'task.cancelled')
        union all
        select e.workflow_id, e.seq, case when jsonb_typeof(e.data -> 'timer') = 'number' then (e.data ->> 'timer')::numeric end
        from live l join events e on e.workflow_id = l.id
        where e.seq > l.retried and e.type = 'timer.fired'
        union all
        select e.workflow_id, e.seq, e.job
        from live l join ended_jobs(p_first, p_last) e on e.workflow_id = l.id and e.seq > l.retried
    ), open_ as (
        -- what has begun and not ended in the histories of live workflows, and the timers that may still fire;
        -- counted, and not looked for one by one, as a history may be long
        select x.workflow_id, x.seq, bool_or(x.performs) as performs
        from (select e.workflow_id, e.seq::numeric as seq, e.data ? 'activity' as performs, true as begins
              from live l join events e on e.workflow_id = l.id
              where e.seq > l.retried  -- whatever was open before that came to its end with the workflow
                and (e.type = 'task.started' or e.type in ('timer.set', 'task.retried') and e.data ? 'due_at')
              union all
              select n.workflow_id, n.seq, false, false from ended n where n.by > n.seq) x
        group by x.workflow_id, x.seq having bool_and(x.begins)
    ), paired as (
        select coalesce(o.workflow_id, q.workflow_id) as workflow_id, coalesce(o.seq, q.seq)::bigint as seq,
               o.performs, q.kind, o.seq is not null as is_open
        from open_ o
        full join (select q.workflow_id, q.seq::numeric as seq, q.kind
                   from queue q join live l on l.id = q.workflow_id where q.seq > 0) q
             on q.workflow_id = o.workflow_id and q.seq = o.seq
    )
    select 'an ended workflow has a job', q.workflow_id, format('%s: %s at %s', w.status, q.kind, q.seq)
    from queue q join workflows w on w.id = q.workflow_id and w.id not in (select id from live)
    where q.kind in ('decide', 'perform', 'held decide', 'held perform')
      -- What others had to tell it just then, of CloudEvents and children, is dropped by a turn that is still to come,
      -- and so is what somebody took or kept a lease of in the same moment.
      and not (q.kind = 'decide' and (q.seq < 0 or exists (
          select from workflows c where c.parent_id = q.workflow_id and c.parent_seq = q.seq)))
      and not (q.kind = 'perform' and q.lease_token is not null)
    union all
    select 'a job of a workflow that is not paused is held', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q join workflows w on w.id = q.workflow_id and w.status <> 'PAUSED'
    where q.kind like 'held %'
    union all
    select 'a job of a paused workflow is not held', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q
    join workflows w on w.id = q.workflow_id and w.status = 'PAUSED'
    join events e on e.workflow_id = q.workflow_id and e.seq = q.seq
    where q.lease_token is null
      and (q.kind = 'perform' or q.kind = 'decide' and e.type in ('timer.set', 'task.retried'))
      -- what a result brought about since then is held when it is due
      and q.seq < (select max(p.seq) from events p
                   where p.workflow_id = q.workflow_id and p.type = 'workflow.paused')
    union all
    select 'a job is not in the lane of its workflow', q.workflow_id,
           format('%s at %s: namespace %L, priority %s', q.kind, q.seq, q.namespace, q.priority)
    from queue q join workflows w on w.id = q.workflow_id
    where q.namespace <> w.namespace or q.priority <> w.priority
    union all
    select 'a job belongs to nothing', q.workflow_id, format('%s at %s', q.kind, q.seq)
    from queue q
    where not case q.kind
              when 'correlate' then exists (select from cloud_events e where e.id = q.workflow_id)
              when 'schedule' then exists (select from schedules s where s.id = q.workflow_id)
              else exists (select from workflows w where w.id = q.workflow_id) end
    union all
    select 'nothing will ever move this workflow: it has no job, listens for nothing, and waits for no other', l.id, ''
    from live l
    where l.status <> 'PAUSED'
      and not exists (select from queue q where q.workflow_id = l.id)
      and not exists (select from subscriptions s where s.workflow_id = l.id)
      and not exists (select from workflows c where c.parent_id = l.id and c.parent_waits
                        and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
    union all
    select 'an activity that was begun has no job', p.workflow_id, format('at %s', p.seq)
    from paired p
    where p.performs and coalesce(p.kind, '') not in ('perform', 'held perform')
    union all
    select 'a job was scheduled by nothing that is still open', p.workflow_id, format('%s at %s', p.kind, p.seq)
    from paired p
    where p.kind is not null and not (p.is_open and (p.kind in ('decide', 'held decide') or p.performs))
      -- the end of a child is told to its parent even if that has stopped waiting: its next turn drops it
      and not exists (select from workflows c where c.parent_id = p.workflow_id and c.parent_seq = p.seq
                        and p.kind in ('decide', 'held decide'))
    union all
    select 'a lease that is counted was never granted', q.workflow_id, format('at %s, attempt %s', q.seq, q.attempt)
    from queue q where q.lease_token is not null and q.attempt < 1
$$;

comment on function check_jobs(uuid, uuid) is
    'Where the queue is not what the histories of the workflows between two ids say: jobs that lack, and jobs too many.';

create or replace function check_due_times(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with queue as (
        select j.workflow_id, j.seq, j.kind, j.due_at, j.lease_token is not null as is_leased,
               case when j.kind = 'schedule' then s.next_at
                    when j.seq = 0 and w.started_at is null then legible_time(e.data ->> 'start_at')
                    when j.seq > 0 and e.type in ('timer.set', 'task.retried') then legible_time(e.data ->> 'due_at')
               end as meant_for
        from jobs j
        left join workflows w on w.id = j.workflow_id
        left join schedules s on s.id = j.workflow_id
        left join events e on e.workflow_id = j.workflow_id and e.seq = greatest(j.seq, 1)
        where j.workflow_id between p_first and p_last
    )
    select 'a job is due before its time', q.workflow_id,
           format('%s at %s: due %s, meant for %s', q.kind, q.seq, q.due_at, q.meant_for)
    from queue q
    where q.due_at < q.meant_for and q.kind <> 'schedule'
    union all
    -- turns are put off by a second, again and again perhaps, and leases last for as long as a worker says
    select 'a job has been put off for longer than anything puts it off', q.workflow_id,
           format('%s at %s: due %s', q.kind, q.seq, q.due_at)
    from queue q
    where q.due_at > greatest(q.meant_for, now())
                     + case when q.is_leased then interval '7 days' else interval '1 minute' end
$$;

comment on function check_due_times(uuid, uuid) is
    'Jobs of the workflows, schedules and CloudEvents between two ids that are due at another time than they have to be.';

create or replace function check_listening(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with of_listens as (
        select e.* from standing_events(p_first, p_last) e where e.type in ('listen.started', 'event.received')
    ), begun as (
        select e.workflow_id, e.start,
               case when jsonb_typeof(e.data -> 'subscriptions') = 'array' then e.data -> 'subscriptions' else '[]' end as wanted,
               w.status not in ('COMPLETED', 'FAILED', 'CANCELLED') and not exists (
                   select from events r
                   where r.workflow_id = e.workflow_id and r.seq > e.seq and r.data @> '{"ends_listen": true}'
                     and is_engines_type(r.type)
                     and r.data -> 'start' = e.data -> 'start') as is_live
        from of_listens e join workflows w on w.id = e.workflow_id
        where e.type = 'listen.started'
    ), subscribed as (
        select s.* from subscriptions s where s.workflow_id between p_first and p_last and s.kind = 'decide'
    ), paired as (
        -- what live listens want beside what they are subscribed to, filter by filter
        select coalesce(b.workflow_id, s.workflow_id) as workflow_id, coalesce(b.start, s.seq) as start,
               coalesce(b.filter, s.filter) as filter, b.start is not null as is_wanted, s.seq is not null as is_subscribed,
               b.correlation is not distinct from s.correlation and b.value is not distinct from s.value as agree
        from (select l.workflow_id, l.start, l.is_live,
                     case when f.wanted -> 'filter' between '0' and '2147483647' then (f.wanted ->> 'filter')::numeric::integer end as filter,
                     f.wanted ->> 'correlation' as correlation, f.wanted ->> 'value' as value
              from begun l cross join lateral jsonb_array_elements(l.wanted) as f (wanted) where l.is_live) b
        full join subscribed s on s.workflow_id = b.workflow_id and s.seq = b.start and s.filter = b.filter
    ), received as (
        select e.workflow_id, e.seq, legible_uuid(e.data ->> 'received') as event_id
        from of_listens e where e.type = 'event.received'
    )
    select 'a listen is not subscribed to what it waits for', b.workflow_id, format('start %s, filter %s', b.start, b.filter)
    from paired b where b.is_wanted and not (b.is_subscribed and b.agree)
    union all
    select 'a subscription belongs to no listen that goes on', b.workflow_id, format('start %s, filter %s', b.start, b.filter)
    from paired b where not b.is_wanted
    union all
    select 'a subscription waits for longer than anything that is published now', s.workflow_id,
           format('start %s, filter %s, until %s', s.seq, s.filter, s.waits_until)
    from subscriptions s
    where s.workflow_id between p_first and p_last and s.waits_until > now() + interval '1 minute'
    union all
    select 'a subscription belongs to no schedule', s.workflow_id, format('filter %s', s.filter)
    from subscriptions s
    where s.workflow_id between p_first and p_last and s.kind = 'schedule'
      and not exists (select from schedules c where c.id = s.workflow_id)
    union all
    select 'a subscription does not begin where its workflow does, or is not in its lane', s.workflow_id,
           format('start %s, filter %s', s.seq, s.filter)
    from subscribed s join workflows w on w.id = s.workflow_id
    where s.published_from <> w.created_at or s.namespace <> w.namespace or s.priority <> w.priority
       or s.seen < w.event_floor
    union all
    select 'a listener has looked at CloudEvents that are still to come', o.id, format('up to %s of %s', o.seen, c.position)
    from (select w.id, w.event_floor as seen from workflows w where w.id between p_first and p_last
          union all
          select s.workflow_id, s.seen from subscriptions s where s.workflow_id between p_first and p_last
          union all
          select s.id, s.event_floor from schedules s where s.id between p_first and p_last) o, event_clock c
    where o.seen > c.position
    union all
    select 'a CloudEvent was consumed twice by one workflow', r.workflow_id,
           format('%s at %s', r.event_id, array_agg(r.seq order by r.seq))
    from received r group by r.workflow_id, r.event_id having count(*) > 1
    union all
    select 'a CloudEvent was received and is not known to be consumed', r.workflow_id, format('at %s', r.seq)
    from received r
    where not exists (select from consumptions c where c.workflow_id = r.workflow_id and c.event_id = r.event_id)
    union all
    select 'a CloudEvent is said to be consumed that was never received', c.workflow_id, c.event_id::text
    from consumptions c
    where c.workflow_id between p_first and p_last
      and not exists (select from received r where r.workflow_id = c.workflow_id and r.event_id = c.event_id)
      and not exists (select from schedules s where s.id = c.workflow_id)
      and exists (select from workflows w where w.id = c.workflow_id)
    union all
    -- those that have been retried may have come from elsewhere, or had failed and been left without theirs
    select 'a CloudEvent that a live workflow has consumed is gone', c.workflow_id, c.event_id::text
    from consumptions c
    join workflows w on w.id = c.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where c.workflow_id between p_first and p_last
      and not exists (select from cloud_events e where e.id = c.event_id)
      and not exists (select from events r where r.workflow_id = c.workflow_id and r.type = 'workflow.retried')
$$;

comment on function check_listening(uuid, uuid) is
    'What is wrong with the listens of the workflows between two ids: their subscriptions, and what they have consumed.';

create or replace function check_children(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    with of_children as (
        select e.* from legible_events(p_first, p_last) e
        where e.type in ('child.started', 'child.completed', 'child.failed')
    ), begun as (
        select e.workflow_id, e.start, legible_uuid(e.data ->> 'child') as child,
               e.data -> 'waits' = 'true' as waits
        from of_children e where e.type = 'child.started'
    ), told as (
        select e.workflow_id, e.seq, e.start, e.type from of_children e where e.type <> 'child.started'
    )
    select 'the end of a child was told more than once', t.workflow_id,
           format('start %s: %s', t.start, array_agg(t.seq order by t.seq))
    from told t group by t.workflow_id, t.start having count(*) > 1
    union all
    select 'a child is said to have completed that has not', t.workflow_id, format('%s at %s', b.child, t.seq)
    from told t
    join begun b on b.workflow_id = t.workflow_id and b.start = t.start
    join workflows c on c.id = b.child
    where b.waits and t.type = 'child.completed' and c.status <> 'COMPLETED'
    union all
    select 'a parent waits for a child that has ended or is not there, and nothing will tell it', b.workflow_id,
           format('start %s waits for %s', b.start, b.child)
    from begun b
    join workflows w on w.id = b.workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    where b.waits
      and not exists (select from told t where t.workflow_id = b.workflow_id and t.start = b.start)
      and not exists (select from events r
                      where r.workflow_id = b.workflow_id and r.seq > b.start and r.data -> 'start' = to_jsonb(b.start)
                        and r.type in ('task.completed', 'task.failed', 'task.cancelled'))
      and not exists (select from workflows c where c.id = b.child and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
      and not exists (select from jobs j where j.workflow_id = b.workflow_id and j.seq = b.start)
    union all
    select 'no event of the parent started this workflow', c.id, format('parent %s at %s', c.parent_id, c.parent_seq)
    from workflows c
    where c.id between p_first and p_last and c.parent_id is not null
      and exists (select from workflows w where w.id = c.parent_id)
      and not exists (select from events e
                      where e.workflow_id = c.parent_id and e.type = 'child.started' and e.data ->> 'child' = c.id::text
                        and e.data -> 'start' = to_jsonb(c.parent_seq) and (e.data -> 'waits' = 'true') is true = c.parent_waits)
$$;

comment on function check_children(uuid, uuid) is
    'What is wrong between the workflows between two ids and those that they started or that started them.';

create or replace function check_schedules(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    select 'nothing will ever make this schedule start a workflow: it has no job and waits for nothing', s.id,
           format('%s/%s:%s', s.namespace, s.name, s.version)
    from schedules s
    where s.id between p_first and p_last
      and (s.problem is null or s.next_at is not null)
      and not exists (select from jobs j where j.workflow_id = s.id and j.kind = 'schedule')
      and not case
          when s.schedule ? 'on' then exists (select from subscriptions b where b.workflow_id = s.id)
          when s.schedule ? 'after' then s.next_at is null and exists (
              select from workflows w
              where w.id = s.last_workflow_id and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED'))
          else false end
    union all
    select 'a schedule is of no definition', s.id, format('%s/%s:%s', s.namespace, s.name, s.version)
    from schedules s
    where s.id between p_first and p_last
      and not exists (select from definitions d
                      where d.namespace = s.namespace and d.name = s.name and d.version = s.version)
    union all
    select 'a schedule is not that of its definition', s.id, format('%s/%s:%s', s.namespace, s.name, s.version)
    from schedules s
    join definitions d on d.namespace = s.namespace and d.name = s.name and d.version = s.version
    where s.id between p_first and p_last and s.schedule <> d.document -> 'schedule'
$$;

comment on function check_schedules(uuid, uuid) is 'What is wrong with the schedules between two ids: each has to be looked after again.';

create or replace function check_leftovers(p_first uuid, p_last uuid) returns table (
    problem text, workflow_id uuid, detail text
)
    language sql stable security definer
    set search_path from current
as $$
    select 'a snapshot belongs to no workflow that goes on', s.workflow_id, format('at %s', s.seq)
    from snapshots s
    left join workflows w on w.id = s.workflow_id
    where s.workflow_id between p_first and p_last
      and (w.id is null or w.status in ('COMPLETED', 'FAILED', 'CANCELLED'))
    union all
    select 'a snapshot is of an event that is not there', s.workflow_id, format('at %s of %s', s.seq, w.last_seq)
    from snapshots s join workflows w on w.id = s.workflow_id
    where s.workflow_id between p_first and p_last and s.seq > w.last_seq
    union all
    select 'subscriptions or consumptions belong to nobody', o.workflow_id, ''
    from (select s.workflow_id from subscriptions s where s.workflow_id between p_first and p_last
          union select c.workflow_id from consumptions c where c.workflow_id between p_first and p_last) o
    where not exists (select from workflows w where w.id = o.workflow_id)
      and not exists (select from schedules s where s.id = o.workflow_id)
    union all
    select 'a workflow has no definition', w.id, format('%s/%s:%s', w.namespace, w.name, w.version)
    from workflows w
    where w.id between p_first and p_last
      and not exists (select from definitions d
                      where d.namespace = w.namespace and d.name = w.name and d.version = w.version)
$$;

comment on function check_leftovers(uuid, uuid) is
    'What is left over between two ids: rows whose owner has gone or has ended.';

create or replace function check_workflows(
    p_first uuid default '00000000-0000-0000-0000-000000000000',
    p_last  uuid default 'ffffffff-ffff-ffff-ffff-ffffffffffff'
) returns table (problem text, workflow_id uuid, detail text)
    language sql stable security definer
    set search_path from current
as $$
    select * from check_numbering(p_first, p_last)
    union all
    select * from check_results(p_first, p_last)
    union all
    select * from check_timers(p_first, p_last)
    union all
    select * from check_jobs(p_first, p_last)
    union all
    select * from check_due_times(p_first, p_last)
    union all
    select * from check_listening(p_first, p_last)
    union all
    select * from check_children(p_first, p_last)
    union all
    select * from check_schedules(p_first, p_last)
    union all
    select * from check_leftovers(p_first, p_last)
$$;

comment on function check_workflows(uuid, uuid) is
    'Every invariant that SQL can check, over the workflows between two ids, or all of them: what is wrong, one row each; no row if everything is as it has to be. pgworker verify also calls check_database, and replays the histories.';

create or replace function check_database() returns table (problem text, workflow_id uuid, detail text)
    language sql stable security definer
    set search_path from current
as $$
    select 'history is not guarded: a trigger of events is missing or disabled', null::uuid, t.name
    from unnest(array['events_that_are_inserted_plainly_are_appended', 'numbers_are_given_by_the_workflow',
                      'history_is_append_only', 'history_is_not_truncated']) as t (name)
    where not exists (select from pg_trigger g
                      where g.tgrelid = 'events'::regclass and g.tgname = t.name and g.tgenabled in ('O', 'A'))
    union all
    select 'a definition is not what was defined: its digest is another', null,
           format('%s/%s:%s', d.namespace, d.name, d.version)
    from definitions d
    where d.digest <> encode(sha256(convert_to(d.document::text, 'UTF8')), 'hex')
    union all
    select 'a definition is out of the order of its versions', null, format('%s/%s:%s', d.namespace, d.name, d.version)
    from definitions d
    where d.version_order <> version_order(d.version)
    union all
    select 'the position of CloudEvents is lost', null, ''
    where not exists (select from event_clock)
    union all
    select 'a CloudEvent has a position that was not given out yet', e.event_id, format('%s of %s', e.position, c.position)
    from correlated_events e, event_clock c
    where e.position > c.position
    union all
    select 'a CloudEvent is found that is not there', o.event_id, format('at %s', o.position)
    from correlated_events o
    where not exists (select from cloud_events e where e.id = o.event_id)
    union all
    -- without keys each has a value; with keys, only where its own have some
    select 'a CloudEvent will not be found by those who listen for it', e.id, format('type %s', e.type)
    from correlations c
    cross join lateral (
        select t.id, t.type from cloud_events t where t.type = c.type and t.published_at >= c.since
        union all
        select t.id, t.type from cloud_events t where c.type is null and t.published_at >= c.since) e
    where c.keys = '[]'
      and not exists (select from correlated_events o where o.correlation = c.id and o.event_id = e.id)
      and not exists (select from jobs j where j.workflow_id = e.id and j.kind = 'correlate')
    union all
    select 'somebody listens by a correlation that is not known for all of its time', s.workflow_id,
           format('start %s, filter %s', s.seq, s.filter)
    from subscriptions s
    left join correlations c on c.id = s.correlation
    where c.since is null or c.since > s.published_from
$$;

comment on function check_database() is
    'What is wrong with what workflows share: the guards of history, definitions, CloudEvents and how they are found. Together with check_workflows it is all that SQL can check.';

create or replace function append_plain_insert() returns trigger
    language plpgsql security definer
    set search_path from current
as $$
begin
    perform refuse_value(new.data, 'the event''s data');
    new.seq := append_to_history(new.workflow_id, new.type);
    new.task := null;
    new.data := coalesce(new.data, '{}');
    new.occurred_at := clock_timestamp();
    new.actor := session_user;
    return new;
end
$$;

comment on function append_plain_insert() is 'Gives an inserted event its number, as append_event does.';

create or replace trigger events_that_are_inserted_plainly_are_appended
    before insert on events
    for each row when (new.seq is null)
    execute function append_plain_insert();

create or replace function refuse_change() returns trigger
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

create or replace trigger history_is_append_only
    before update or delete on events
    for each row execute function refuse_change();
create or replace trigger history_is_not_truncated
    before truncate on events
    for each statement execute function refuse_change();

create or replace function check_numbers() returns trigger
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

create or replace trigger numbers_are_given_by_the_workflow
    after insert on events
    referencing new table as added
    for each statement execute function check_numbers();

create or replace view history with (security_barrier) as
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
       coalesce(e.refs ->> 'iteration', s.data ->> 'iteration', case when e.type = 'iteration.started' then e.refs ->> 'index' end)::integer
           as iteration,
       e.occurred_at - s.occurred_at as duration,
       e.actor,
       case when e.type in ('workflow.started', 'child.started') then e.data -> 'input'
            when e.type in ('task.started', 'task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
            then coalesce(e.data -> 'input', event_value(e.workflow_id, (e.refs ->> 'from')::bigint),
                          s.data -> 'input', event_value(e.workflow_id, (s.data ->> 'from')::bigint))
       end as input,
       case when e.type in ('task.completed', 'workflow.completed', 'input.transformed')
            then coalesce(e.data -> 'output',
                          event_value(e.workflow_id, (e.refs ->> 'output_from')::bigint),
                          event_value(e.workflow_id, (e.refs ->> 'from')::bigint),
                          event_value(e.workflow_id, (s.data ->> 'from')::bigint))
            when e.type = 'event.received' then e.data -> 'cloud_event'
            when e.type = 'iteration.completed' then e.data -> 'output'
            when e.type = 'task.skipped'
            then event_value(e.workflow_id, (e.refs ->> 'from')::bigint)
       end as output,
       case when e.type ~ '^(workflow|task|error|branch|extension)\.' then e.data -> 'error' end as error,
       e.data
from e
-- each looked up by its key, however many events the planner thinks that there are
left join lateral (
    select o.occurred_at from events o where o.workflow_id = e.workflow_id and o.seq = 1 limit 1) f on true
left join lateral (
    select o.occurred_at, o.data from events o
    where o.workflow_id = e.workflow_id and o.seq = (e.refs ->> 'start')::bigint
      and e.type in ('task.completed', 'task.failed', 'task.cancelled')
    limit 1) s on true;

comment on view history is 'The events made readable: how long after the start, how long the task took, and the values that went in and came out.';
comment on column history.workflow_id is 'The workflow.';
comment on column history.seq is 'Position in its history.';
comment on column history.occurred_at is 'When it happened.';
comment on column history.elapsed is 'How long after the start.';
comment on column history.type is 'What happened, such as task.completed.';
comment on column history.name is 'Name of the task that it happened to.';
comment on column history.task is 'JSON Pointer of that task in the document.';
comment on column history.iteration is 'Index of the iteration of the innermost loop, from 0.';
comment on column history.duration is 'How long the task took that ended with it.';
comment on column history.actor is 'Who: the worker''s id, or the database user.';
comment on column history.input is 'What went into the task, or into the workflow.';
comment on column history.output is 'What came out.';
comment on column history.error is 'The problem object of what failed.';
comment on column history.data is 'The event''s own data.';

create or replace view tasks with (security_barrier) as
select w.id as workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', '') as kind,
       case h.type when 'task.completed' then 'COMPLETED' when 'task.failed' then 'FAILED'
                   when 'task.cancelled' then 'CANCELLED' else 'SKIPPED' end as status,
       greatest((h.data ->> 'attempt')::integer, (h.data ->> 'retry')::integer, (s.data ->> 'retry')::integer, 1)
           as attempt,
       h.iteration,
       coalesce((h.data ->> 'start')::bigint, h.seq) as seq,
       coalesce(h.occurred_at - h.duration, h.occurred_at) as started_at,
       h.occurred_at as ended_at,
       h.input,
       h.output,
       h.error
from workflows w
cross join lateral (select undone(w.id) as ranges limit 1) u
-- after the others, once for each workflow, whatever the planner knows of it
cross join lateral (
    select h.* from history h
    where h.workflow_id = w.id
      and h.type in ('task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
      and was_undone(u.ranges, (h.data ->> 'start')::bigint, h.seq) is not true
    offset 0) h
left join lateral (
    select o.data from events o
    where o.workflow_id = h.workflow_id and o.seq = (h.data ->> 'start')::bigint and h.type = 'task.cancelled'
    limit 1) s on true
union all
select w.id as workflow_id,
       h.task,
       h.name,
       coalesce(h.data ->> 'kind', ''),
       case when w.status in ('COMPLETED', 'FAILED', 'CANCELLED') or a.at is not null then 'CANCELLED'
            when j.kind = 'perform' and j.lease_token is null then 'SCHEDULED'
            else 'RUNNING' end,
       greatest(j.attempt, (h.data ->> 'retry')::integer, 1),
       h.iteration,
       h.seq,
       h.occurred_at,
       coalesce(a.at, w.ended_at),
       h.input,
       null,
       null
from workflows w
cross join lateral (select undone(w.id) as ranges limit 1) u
cross join lateral open_tasks(w.id) o (seq)
cross join lateral (
    select h.* from history h where h.workflow_id = w.id and h.seq = o.seq offset 0) h
left join lateral (
    -- a retry went back before it, and whatever ended its workflow did not end it
    select e.occurred_at as at from unnest(u.ranges) r (events)
    join events e on e.workflow_id = w.id and e.seq = upper(r.events)
    where o.seq <@ r.events order by e.seq limit 1) a on true
left join jobs j on j.workflow_id = h.workflow_id and j.seq = h.seq;

comment on view tasks is 'One row for each time that a task ran, is running or was skipped.';
comment on column tasks.workflow_id is 'The workflow.';
comment on column tasks.task is 'JSON Pointer of the task in the document.';
comment on column tasks.name is 'Its name.';
comment on column tasks.kind is 'Its kind, such as call, set or for.';
comment on column tasks.status is 'SCHEDULED (it waits for a worker), RUNNING, COMPLETED, FAILED, SKIPPED or CANCELLED.';
comment on column tasks.attempt is 'Which attempt it is, of the activity or of the innermost try around it.';
comment on column tasks.iteration is 'Index of the iteration of the innermost loop that it ran in, from 0.';
comment on column tasks.seq is 'The event with which it began.';
comment on column tasks.started_at is 'When it began.';
comment on column tasks.ended_at is 'When it ended.';
comment on column tasks.input is 'Its input, after input.from.';
comment on column tasks.output is 'Its output, after output.as.';
comment on column tasks.error is 'The problem object that it failed with.';

create or replace view lifecycle_events with (security_barrier) as
select c.workflow_id, c.seq, c.position, c.id, c.source, c.type, c.subject, c.time, c.data,
       jsonb_build_object('specversion', '1.0', 'id', c.id, 'source', c.source, 'type', c.type,
                          'subject', c.subject, 'time', c.moment, 'data', c.data) as cloud_event
from (
    select t.workflow_id,
           t.seq,
           t.position,
           concat_ws(':', t.workflow_id, t.seq, t.kind, t.start) as id,
           format('/%s/%s/%s', w.namespace, w.name, w.version) as source,
           'io.serverlessworkflow.' || t.kind || '.v1' as type,
           t.workflow_id || case when t.kind like 'task.%' then t.task else '' end as subject,
           t.time,
           m.moment,
           case when t.kind like 'task.%' then jsonb_build_object('workflow', m.name, 'task', t.task)
                else jsonb_build_object('name', m.name) end
               -- createdAt, startedAt, suspendedAt and so on; correlation-started has startedAt too
               || jsonb_build_object(substring(t.kind from '[a-z]+$') || 'At', m.moment)
               || case when t.kind = 'workflow.started'
                       then jsonb_build_object('definition', jsonb_build_object(
                                'name', w.name, 'namespace', w.namespace, 'version', w.version))
                       when t.kind like '%.faulted' then jsonb_build_object('error', t.told -> 'error')
                       when t.kind like '%.completed'
                       then jsonb_build_object('outputUri', format('/workflows/%s/events/%s', t.workflow_id, t.seq))
                       when t.kind = 'workflow.correlation-completed' and t.told -> 'correlation' <> '{}'
                       then jsonb_build_object('correlationKeys', t.told -> 'correlation')
                       else '{}' end as data
    from (
        -- A task that starts and ends in one turn is one event of history, and still was created and has started.
        -- A skipped task was created and no more: it was initiated, but `if` decided that it is not run, so it
        -- neither started nor completed, nor was an execution of it terminated, which is what cancelled means.
        select e.workflow_id, e.seq, e.occurred_at as time, e.task, e.data as told, null::bigint as start,
               k.kind, k.position
        from events e
        cross join lateral (
            values ('task.created', 1::bigint, e.type in ('task.started', 'task.skipped')
                                               or e.type in ('task.completed', 'task.failed') and not e.data ? 'start'),
                   ('task.started', 2, e.type = 'task.started'
                                       or e.type in ('task.completed', 'task.failed') and not e.data ? 'start'),
                   ('task.retried', 3, e.type = 'task.retried'),
                   ('task.cancelled', 3, e.type = 'task.cancelled'),
                   ('task.faulted', 3, e.type = 'task.failed'),
                   ('task.completed', 3, e.type = 'task.completed'),
                   ('workflow.correlation-started', 3, e.type = 'listen.started'),
                   ('workflow.correlation-completed', 3, e.type = 'listen.completed'),
                   ('workflow.started', 0, case when e.type = 'workflow.started'
                        then coalesce((e.data ->> 'start_at')::timestamptz <= e.occurred_at, true) end),
                   ('workflow.suspended', e.seq, e.type = 'workflow.paused'),
                   ('workflow.resumed', e.seq, e.type = 'workflow.resumed'),
                   ('workflow.cancelled', e.seq, e.type = 'workflow.cancelled'),
                   ('workflow.faulted', e.seq, e.type = 'workflow.failed'),
                   ('workflow.completed', e.seq, e.type = 'workflow.completed')
        ) as k (kind, position, applies)
        where k.applies
        union all
        -- A workflow that was put off starts with the first event that the engine writes.
        select e.workflow_id, f.seq, f.occurred_at, null, null, null, 'workflow.started', 0
        from events e
        cross join lateral (
            select a.seq, a.occurred_at
            from events a
            where a.workflow_id = e.workflow_id
              and a.type ~ '^((task|timer|iteration|input|error|listen|child|branch)\.|workflow\.(failed|completed)$)'
            order by a.seq
            limit 1
        ) as f
        where e.seq = 1 and case when e.type = 'workflow.started'
                                 then (e.data ->> 'start_at')::timestamptz > e.occurred_at end
        union all
        -- What befalls a whole workflow befalls the tasks that are running in it: inner ones stop before outer
        -- ones and before the workflow, and go on after it. They are found in one pass over what was before,
        -- whatever the planner believes: a join of starts with ends takes a minute where statistics are missing.
        select e.workflow_id, e.seq, e.occurred_at, r.task, null, r.start,
               case e.type when 'workflow.paused' then 'task.suspended' when 'workflow.resumed' then 'task.resumed'
                           else 'task.cancelled' end,
               case e.type when 'workflow.resumed' then e.seq + r.start else e.seq - r.start end
        from events e
        cross join lateral (
            -- what started while the workflow was paused was not suspended with it
            select case when e.type <> 'workflow.resumed' then e.seq
                        else (select max(p.seq) from events p
                              where p.workflow_id = e.workflow_id and p.seq < e.seq and p.type = 'workflow.paused')
                   end as seq
        ) as until
        cross join lateral (
            select k.start, min(a.task) as task  -- of those with a start and no end
            from events a
            cross join lateral (
                values (case when a.type = 'task.started' then a.seq
                             when a.type in ('task.completed', 'task.failed', 'task.cancelled')
                             then (a.data ->> 'start')::bigint end)
            ) as k (start)
            where a.workflow_id = e.workflow_id and a.seq < e.seq and k.start < until.seq
            group by k.start
            having bool_and(a.type = 'task.started')
        ) as r
        where e.type in ('workflow.paused', 'workflow.resumed', 'workflow.cancelled', 'workflow.failed',
                         'workflow.completed')
    ) as t
    join workflows w on w.id = t.workflow_id
    cross join lateral (
        values (format('%s-%s.%s', w.name, w.id, w.namespace),
                to_char(t.time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    ) as m (name, moment)
) as c;

comment on view lifecycle_events is 'The lifecycle events of the specification, read off the history: one row a CloudEvent, in the order of seq and position. What a longer history adds comes after what was there.';
comment on column lifecycle_events.workflow_id is 'The workflow.';
comment on column lifecycle_events.seq is 'The event of the history that it tells of.';
comment on column lifecycle_events.position is 'Order among those that tell of the same event.';
comment on column lifecycle_events.id is 'The attribute id: always the same for the same event; tasks that share a workflow''s fate also have the seq of their start in it.';
comment on column lifecycle_events.source is 'The attribute source: /namespace/name/version of the definition.';
comment on column lifecycle_events.type is 'The attribute type, such as io.serverlessworkflow.task.completed.v1.';
comment on column lifecycle_events.subject is 'The attribute subject: the workflow''s id, and the JSON Pointer of the task if it tells of one.';
comment on column lifecycle_events.time is 'The attribute time: when it happened.';
comment on column lifecycle_events.data is 'The data, with the properties that the specification names.';
comment on column lifecycle_events.cloud_event is 'The whole CloudEvent 1.0, in structured mode.';

create or replace view activities with (security_barrier) as
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

create or replace view waiting with (security_barrier) as
select w.id as workflow_id,
       w.name,
       l.for_what as waits_for,
       l.task,
       l.since,
       l.until,
       l.detail
from workflows w
cross join lateral (
    select 'resume' as for_what, null as task, e.occurred_at as since, null::timestamptz as until,
           e.data ->> 'reason' as detail
    from (select a.* from events a
          where w.status = 'PAUSED' and a.workflow_id = w.id and a.type = 'workflow.paused'
          order by a.seq desc limit 1) e
    union all
    select case when j.kind = 'perform' and j.lease_token is null then 'worker'
                when j.kind = 'perform' then 'activity'
                when e.data ->> 'purpose' in ('timeout', 'attempt') then 'timeout'
                when e.type = 'task.retried' then 'retry'
                when e.type = 'timer.set' then 'timer'
                when e.seq is null and j.due_at > now() then 'start'
                else 'turn' end,
           e.task, j.created_at, case when j.due_at > now() then j.due_at end,
           case when j.lease_token is not null
                then format('attempt %s, performed by %s', j.attempt, j.worker_id) end
    from jobs j
    left join events e on e.workflow_id = j.workflow_id and e.seq = j.seq
    where j.workflow_id = w.id and j.kind in ('decide', 'perform')
    union all
    select 'event', e.task, e.occurred_at, null,
           (select string_agg(coalesce(c.type, 'any event')
                              || coalesce(' with ' || nullif(e.data -> 'expected' ->> u.filter, '{}'), ''),
                              ', ' order by u.filter)
            from subscriptions u left join correlations c on c.id = u.correlation
            where u.workflow_id = w.id and u.seq = s.seq)
    from (select distinct u.seq from subscriptions u where u.workflow_id = w.id) s
    cross join lateral (
        select l.* from events l
        where l.workflow_id = w.id and l.seq > s.seq and l.type = 'listen.started' and l.data -> 'start' = to_jsonb(s.seq)
        order by l.seq limit 1) e
    union all
    select 'workflow', e.task, c.created_at, null, format('%s %s is %s', c.name, c.id, c.status)
    from workflows c
    join events e on e.workflow_id = c.parent_id and e.seq = c.parent_seq
    where c.parent_id = w.id and c.parent_waits and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
) l
where w.status in ('PENDING', 'RUNNING', 'PAUSED');

comment on view waiting is 'What each workflow that has not ended waits for: one row for each thing.';
comment on column waiting.workflow_id is 'The workflow.';
comment on column waiting.name is 'Name of its definition.';
comment on column waiting.waits_for is 'start (it was put off), turn (a worker to decide), worker (one to perform an activity), activity (its result), timer, retry, timeout (of what it does beside that), event, workflow (that it started), resume.';
comment on column waiting.task is 'JSON Pointer of the task that waits.';
comment on column waiting.since is 'Since when.';
comment on column waiting.until is 'Until when, where that is known; for an activity, the end of its lease.';
comment on column waiting.detail is 'More about it: the type and keys of an event, who performs an activity, which workflow.';

create or replace view failures with (security_barrier) as
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

create or replace view health with (security_barrier) as
select c.topic,
       case when c.value is null then 'ok' when c.bad then 'bad' when c.warns then 'warning' else 'ok' end as state,
       coalesce(c.value, 'none') as value,
       case when c.bad or c.warns then c.advice end as advice
from (
    select 1 as place, 'workers' as topic, count(*)::text as value,
           count(*) filter (where heartbeat_at > now() - interval '1 min') = 0 as bad, false as warns,
           'no worker has been heard of for a minute: start one (pgworker worker)' as advice
    from workers
    union all
    select 2, 'silent workers', string_agg(id, ', ' order by id), false, count(*) > 0,
           'they have not been heard of for a minute: their activities go to others when the leases run out'
    from workers where heartbeat_at < now() - interval '1 min'
    union all
    select 3, 'oldest due job', (now() - min(j.due_at))::text, min(j.due_at) < now() - interval '5 min',
           min(j.due_at) < now() - interval '30 s',
           'work is waiting: start more workers, or see what holds these up (select * from waiting)'
    from (select due_at from lanes('decide') union all select due_at from lanes('perform')) j
    where j.due_at <= now()
    union all
    select 4, 'stuck leases', nullif(count(*), 0)::text, false, count(*) > 0,
           'their workers are gone, and nobody takes these activities over: start more workers (select * from activities)'
    from lanes('perform') l
    join jobs j on j.kind = 'perform' and j.priority = l.priority and j.namespace = l.namespace and j.due_at = l.due_at
    where l.due_at < now() - interval '10 s' and j.lease_token is not null
    union all
    select 5, 'CloudEvents to correlate', (now() - min(due_at))::text, min(due_at) < now() - interval '5 min',
           min(due_at) < now() - interval '30 s',
           'published CloudEvents reach nobody: is a worker running?'
    from jobs where kind = 'correlate'
    union all
    select 6, 'schedules with problems', string_agg(namespace || '/' || name, ', '), count(*) > 0, false,
           'see the column problem of schedules, and deploy a version without it'
    from schedules where problem is not null
    union all
    select 7, 'definitions with problems', string_agg(namespace || '/' || name || ':' || version, ', '),
           false, count(*) > 0, 'see the column problems of definitions, and deploy a version without them'
    from definitions d
    where problems is not null
      -- the newest of its name, which is what starts
      and not exists (select from definitions n where n.namespace = d.namespace and n.name = d.name
                        and n.version_order collate "C" > d.version_order collate "C")
    union all
    select 8, 'started and failed in the last hour', nullif(count(*), 0)::text, false, count(*) > 0,
           'see what they have in common: select * from failures'
    from workflows where status = 'FAILED' and created_at > now() - interval '1 hour'  -- by its index
    union all
    select 9, 'oldest transaction', coalesce(age::text, case when hides then 'hidden' end), age > interval '1 hour',
           coalesce(age > interval '5 min', false) or hides,
           case when hides and coalesce(age < interval '5 min', true)
                then 'the sessions of other logins cannot be seen: grant pg_read_all_stats to this one'
                else 'it keeps dead rows from being cleaned up, and everything slows down: see pg_stat_activity' end
    from (select now() - min(xact_start) as age, bool_or(query = '<insufficient privilege>') as hides
          from pg_stat_activity
          where (backend_type = 'client backend' or backend_type is null and datid is not null)
            and datid = (select oid from pg_database where datname = current_database())  -- others' keep nothing here
            and pid <> pg_backend_pid()) sessions
    union all
    select 10, 'dead rows', string_agg(relname || ' ' || n_dead_tup, ', '), false, count(*) > 0,
           'vacuum does not keep up: look for old transactions, or let it work more often'
    from pg_stat_user_tables
    where relid in ('workflows'::regclass, 'events'::regclass, 'jobs'::regclass, 'workers'::regclass,
                    'subscriptions'::regclass, 'cloud_events'::regclass, 'correlated_events'::regclass)
      and n_dead_tup > 100000 and n_dead_tup > n_live_tup / 2
    union all
    select 11, 'notification queue', round(pg_notification_queue_usage()::numeric * 100, 1) || ' %',
           pg_notification_queue_usage() > 0.5, pg_notification_queue_usage() > 0.1,
           'somebody listens in a transaction that does not end; workers are no longer woken and only poll'
) c
order by c.place;

comment on view health is 'How the engine is, one row a topic, with advice where something is wrong.';
comment on column health.topic is 'What was looked at.';
comment on column health.state is 'ok, warning or bad.';
comment on column health.value is 'What was found.';
comment on column health.advice is 'What to do, where something is wrong.';

create or replace function state_at(id uuid, at_seq bigint default null) returns table (
    task       text,
    name       text,
    kind       text,
    status     text,
    iteration  integer,
    seq        bigint,
    started_at timestamptz,
    ended_at   timestamptz,
    input      jsonb,
    output     jsonb,
    error      jsonb
)
    language plpgsql stable security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_last   bigint := (select w.last_seq from workflows w where w.id = state_at.id);
    v_at     bigint := coalesce(state_at.at_seq, v_last);
    v_over   boolean;
    v_undone int8range[] := undone(state_at.id, v_at);
begin
    perform must_exist(state_at.id);
    if v_at not between 1 and v_last then
        raise exception 'the workflow % has no event %', state_at.id, v_at using errcode = 'PW002',
            hint = format('Its history goes from 1 to %s.', v_last);
    end if;
    select e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled') into v_over
    from events e where e.workflow_id = state_at.id and e.seq = v_at;
    return query
    with told as (
        select h.*, coalesce((h.data ->> 'start')::bigint, h.seq) as start
        from history h
        where h.workflow_id = state_at.id and h.seq <= v_at
          and h.type in ('task.started', 'task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
          -- a retry that went back to a moment in between had the task go on
          and was_undone(v_undone, (h.data ->> 'start')::bigint, h.seq) is not true
    )
    -- of each activation the last that history had to tell by then
    select t.task, t.name, coalesce(t.data ->> 'kind', t.first_kind, ''),
           case when t.type <> 'task.started' then upper(split_part(t.type, '.', 2))
                when v_over or exists (select from unnest(v_undone) r (events) where t.seq <@ r.events) then 'CANCELLED'
                else 'RUNNING' end,
           t.iteration, t.start,
           t.began,
           case when t.type <> 'task.started' then t.occurred_at end,
           t.input, t.output, t.error
    from (
        select distinct on (o.start) o.*, first_value(o.occurred_at) over activation as began,
               first_value(o.data ->> 'kind') over activation as first_kind
        from told o
        window activation as (partition by o.start order by o.seq)
        order by o.start, o.seq desc) t
    order by t.start;
end
$$;

comment on function state_at(uuid, bigint) is
    'Time travel: every task that a workflow had begun by then, with its status, input and output as history stood after the event of that number (null: the newest).';

create or replace function timeline(id uuid, width integer default 40) returns table (
    task     text,
    chart    text,
    status   text,
    began    interval,
    duration interval
)
    language plpgsql stable security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_width integer := greatest(least(coalesce(timeline.width, 40), 1000), 10);
    v_from  timestamptz;
    v_to    timestamptz;
begin
    perform must_exist(timeline.id);
    select least(w.created_at, min(e.occurred_at)), coalesce(w.ended_at, clock_timestamp()) into v_from, v_to
    from workflows w left join events e on e.workflow_id = w.id and e.seq = 1
    where w.id = timeline.id
    group by w.created_at, w.ended_at;
    v_to := greatest(v_to, v_from + interval '1 microsecond');
    return query
    select repeat('  ', greatest(regexp_count(t.task, '/[0-9]+/') - 1, 0)) || t.name
               || case when t.iteration is null then '' else format('[%s]', t.iteration) end,
           repeat(' ', place.first) || repeat(case t.status when 'COMPLETED' then '#' when 'FAILED' then 'x'
                                                            when 'RUNNING' then '>' when 'SCHEDULED' then '.'
                                                            else '-' end, place.many)
               || repeat(' ', v_width - place.first - place.many),
           t.status,
           t.started_at - v_from,
           coalesce(t.ended_at, v_to) - t.started_at
    from tasks t
    cross join lateral (
        select least(greatest(floor(extract(epoch from t.started_at - v_from) / extract(epoch from v_to - v_from) * v_width),
                              0), v_width - 1)::integer as first) left_
    cross join lateral (
        select left_.first,
               least(greatest(ceil(extract(epoch from coalesce(t.ended_at, v_to) - t.started_at)
                                   / extract(epoch from v_to - v_from) * v_width), 1),
                     v_width - left_.first)::integer as many) place
    where t.workflow_id = timeline.id
    order by t.seq;
end
$$;

comment on function timeline(uuid, integer) is
    'A Gantt chart of a workflow''s tasks: # completed, x failed, > running, . waiting for a worker, - skipped or cancelled. The chart is width characters wide.';

do $$
declare
    v_schema constant text := current_schema();
    v_function regprocedure;
    v_public constant text[] := array['define_workflow', 'start_workflow', 'append_event', 'publish_event',
                                      'cancel_workflow', 'pause_workflow', 'resume_workflow', 'retry_workflow',
                                      'workflow_outcome', 'wait_for_workflow', 'declare_functions'];
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
        execute format('grant execute on function %1$I.task_name(text), %1$I.event_value(uuid, bigint), '
                       '%1$I.open_tasks(uuid), %1$I.undone(uuid, bigint), '
                       '%1$I.was_undone(int8range[], bigint, bigint), '
                       '%1$I.lanes(text, integer), %1$I.state_at(uuid, bigint), %1$I.timeline(uuid, integer), '
                       '%1$I.check_workflows(uuid, uuid), %1$I.check_database(), %1$I.workflow_outcome(uuid), '
                       '%1$I.export_workflow(uuid) to pgworker_reader', v_schema);
    end if;
    if exists (select from pg_roles where rolname = 'pgworker_worker') then
        execute format('grant usage on schema %I to pgworker_worker', v_schema);
        execute format('grant select on all tables in schema %I to pgworker_worker', v_schema);
        execute format('grant execute on all functions in schema %I to pgworker_worker', v_schema);
    end if;
end
$$;
