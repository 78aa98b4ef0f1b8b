create function export_workflow(id uuid) returns setof text
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
