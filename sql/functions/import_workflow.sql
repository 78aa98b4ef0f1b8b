-- Whoever imports needs the rights to write to the tables himself: only the schema's owner can.
create function import_workflow(lines jsonb[]) returns integer
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
