create function renew_schedule(p_namespace text, p_name text) returns void
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
