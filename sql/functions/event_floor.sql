create function event_floor() returns bigint
    language sql stable
    set search_path from current
as $$
    select position from event_clock
$$;

comment on function event_floor() is
    'The position of the newest correlated CloudEvent: whoever begins to exist now finds its own beyond it.';
