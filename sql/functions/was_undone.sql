create function was_undone(p_undone int8range[], p_start bigint, p_seq bigint) returns boolean
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select exists (select from unnest(p_undone) undone where p_seq <@ undone and p_start < lower(undone))
$$;

comment on function was_undone(int8range[], bigint, bigint) is
    'Whether what began with one event and ended with another goes on, since a retry went back to a moment in between: the ranges are of the events that retries went back before.';
