create function wake_workers(p_except text default null) returns void
    language plpgsql
    set search_path from current
as $$
begin
    -- Notifying commits wait for each other, so only those notify that have somebody to wake. A worker
    -- declares itself idle before it looks for jobs a last time: what it misses then, its poll finds.
    -- While somebody else fills the queue of notifications (one who listens in a transaction that never ends),
    -- nobody notifies: the commit of whoever finds it full would fail. The poll is left then.
    if exists (select from workers where idle and id is distinct from p_except)
       and pg_notification_queue_usage() < 0.5 then
        perform pg_notify(current_schema(), '');
    end if;
end
$$;

comment on function wake_workers(text) is 'Notifies the idle workers, on the channel that is named like the schema; nobody if none is idle but the one that asks.';
