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
