create function refuse_id(p_id uuid) returns void
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
