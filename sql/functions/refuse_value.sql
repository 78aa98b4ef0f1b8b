create function refuse_value(p_value jsonb, p_what text) returns void
    language plpgsql immutable
    set search_path from current
as $$
begin
    -- The engine takes half of that. What a stored value takes may be compressed, to a 255th of it at best.
    if pg_column_size(p_value) > 65536 and octet_length(p_value::text) > 16777216 then
        raise exception '% has % bytes, and 16777216 are the most', p_what, octet_length(p_value::text)
            using errcode = 'PW001', hint = 'Keep it elsewhere, and pass a reference to it.';
    end if;
    -- what jsonb can hold and other readers of JSON cannot
    if jsonb_path_exists(p_value, 'strict $.**{129}') then
        raise exception '% is nested deeper than 128 levels', p_what using errcode = 'PW001',
            hint = 'Flatten it, or pass a reference to it.';
    end if;
    if jsonb_path_exists(p_value, 'strict $.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))') then
        raise exception '% holds a number that is beyond a double', p_what using errcode = 'PW001',
            hint = 'Pass it as a text.';
    end if;
end
$$;

comment on function refuse_value(jsonb, text) is
    'Refuses (PW001) values of more than 16 MiB, and what jsonb can hold and other readers of JSON cannot: numbers beyond a double, and nesting beyond 128 levels.';
