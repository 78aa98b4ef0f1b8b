create function wake_workers(p_except text default null) returns void
    language plpgsql
    set search_path from current
as $$
begin
    -- Notifying commits wait for each other, so only those notify that have somebody to wake. A worker
    -- declares itself idle before it looks for jobs a last time: what it misses then, its poll finds.
    if exists (select from workers where idle and id is distinct from p_except) then
        perform pg_notify(current_schema(), '');
    end if;
end
$$;

comment on function wake_workers(text) is 'Notifies the idle workers, on the channel that is named like the schema; nobody if none is idle but the one that asks.';
