create function settle_schedule(
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
