create function postpone_turn(p_workflow uuid, p_delay interval) returns integer
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_strikes integer;
begin
    perform from workflows where id = p_workflow for no key update;
    update jobs set attempt = attempt + 1, due_at = clock_timestamp() + p_delay
    where workflow_id = p_workflow and kind = 'decide' and due_at <= clock_timestamp();
    select max(attempt) into v_strikes from jobs where workflow_id = p_workflow and kind = 'decide';
    return coalesce(v_strikes, 0);
end
$$;

comment on function postpone_turn(uuid, interval) is
    'A strike against a workflow that could not be decided upon: its turn comes later. Returns the strikes so far.';
