create function forget_workers(p_id text, p_silent_for interval) returns integer
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_forgotten integer;
begin
    delete from workers
    where id in (select id from workers
                 where id = p_id or heartbeat_at < clock_timestamp() - p_silent_for
                 for update skip locked);
    get diagnostics v_forgotten = row_count;
    return v_forgotten;
end
$$;

comment on function forget_workers(text, interval) is
    'Forgets the worker (null: none) and those that have not been heard of for so long; returns how many.';
