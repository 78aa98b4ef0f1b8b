create function register_worker(
    p_id text, p_host text, p_pid integer, p_version text, p_slots integer, p_busy integer, p_idle boolean
) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    insert into workers (id, host, pid, version, slots, busy, idle)
    values (p_id, p_host, p_pid, p_version, p_slots, p_busy, p_idle)
    on conflict on constraint a_worker_is_known_by_its_id do update
    set host = excluded.host, pid = excluded.pid, version = excluded.version, slots = excluded.slots,
        busy = excluded.busy, idle = excluded.idle, heartbeat_at = clock_timestamp();
end
$$;

comment on function register_worker(text, text, integer, text, integer, integer, boolean) is
    'Makes a worker known, or says anew what is known of it.';
