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
