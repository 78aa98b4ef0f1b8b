create function event_floor() returns bigint
    language sql volatile
    set search_path from current
as $$
    select case when is_called then last_value else 0 end from event_positions
$$;

comment on function event_floor() is
    'The newest position that was given to a CloudEvent: whoever begins to exist now finds its events beyond it.';
