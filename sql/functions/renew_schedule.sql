create function renew_schedule(p_namespace text, p_name text) returns void
    language plpgsql
    set search_path from current
as $$
declare
    v_version  text;
    v_schedule jsonb;
    v_id       uuid;
begin
    -- Versions that are defined at once come one after the other: the second sees the first.
    perform pg_advisory_xact_lock(
        hashtextextended(format('%s schedule %s/%s', current_schema(), p_namespace, p_name), 0));
    select d.version, d.document -> 'schedule' into v_version, v_schedule from definitions d
    where d.namespace = p_namespace and d.name = p_name
    order by d.version_order collate "C" desc limit 1;
    if exists (select from schedules s
               where s.namespace = p_namespace and s.name = p_name and s.version = v_version) then
        return;
    end if;
    delete from schedules s where s.namespace = p_namespace and s.name = p_name returning s.id into v_id;
    if v_id is not null then
        delete from subscriptions s where s.workflow_id = v_id;
        delete from jobs j where j.workflow_id = v_id;
    end if;
    if jsonb_typeof(v_schedule) = 'object' and v_schedule <> '{}' then
        v_id := uuid_by_time();
        insert into schedules (id, namespace, name, version, schedule, event_floor)
        values (v_id, p_namespace, p_name, v_version, v_schedule, event_floor());
        insert into jobs (workflow_id, seq, kind) values (v_id, 0, 'schedule');
        perform wake_workers();
    end if;
end
$$;

comment on function renew_schedule(text, text) is
    'Makes the schedule of a name that of its newest version, if that has one.';
