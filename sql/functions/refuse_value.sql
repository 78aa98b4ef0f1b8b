create function refuse_value(p_value jsonb, p_what text) returns void
    language plpgsql immutable
    set search_path from current
as $$
begin
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
    'Refuses (PW001) what jsonb can hold and other readers of JSON cannot: numbers beyond a double, and nesting beyond 128 levels.';
