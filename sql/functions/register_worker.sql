create function register_worker(
    p_id text, p_session uuid, p_host text, p_pid integer, p_version text, p_slots integer
) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    insert into workers (id, session, host, pid, version, slots)
    values (p_id, p_session, p_host, p_pid, p_version, p_slots)
    on conflict on constraint a_worker_is_known_by_its_id do update
    set session = excluded.session, host = excluded.host, pid = excluded.pid, version = excluded.version,
        slots = excluded.slots, idle = false, heartbeat_at = now();
end
$$;

comment on function register_worker(text, uuid, text, integer, text, integer) is
    'Makes a worker known, with the session that its new connection began.';
