create function version_order(p_version text) returns text
    language plpgsql immutable strict parallel safe
    set search_path from current
as $$
declare
    v_release  text := split_part(split_part(p_version, '+', 1), '-', 1);
    v_suffix   text := substr(split_part(p_version, '+', 1), length(v_release) + 2);
    v_part     text;
    v_order    text := '';
begin
    if v_release ~ '^\d+(\.\d+)?$' then
        v_release := v_release || case when v_release like '%.%' then '.0' else '.0.0' end;
    end if;
    foreach v_part in array string_to_array(v_release, '.') loop
        v_order := v_order || case when v_part ~ '^\d{1,30}$' then lpad(v_part, 30, '0') else v_part end || '.';
    end loop;
    if v_suffix = '' then
        return v_order || '~';  -- a release comes after all its pre-releases: ~ sorts last
    end if;
    v_order := v_order || '-';
    foreach v_part in array string_to_array(v_suffix, '.') loop
        -- numbers come before words
        v_order := v_order || case when v_part ~ '^\d{1,30}$' then '0' || lpad(v_part, 30, '0') else '1' || v_part end
            || '!';
    end loop;
    return v_order;
end
$$;

comment on function version_order(text) is
    'A text that sorts (collation C) as semantic versioning orders versions; anything else sorts as text.';
