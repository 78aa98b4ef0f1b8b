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
