create function legible_time(p_text text) returns timestamptz
    language plpgsql stable strict
    set search_path from current
as $$
begin
    return p_text::timestamptz;
exception
    when data_exception then
        return null;
end
$$;

comment on function legible_time(text) is 'The time that a text tells; null where it tells none.';
