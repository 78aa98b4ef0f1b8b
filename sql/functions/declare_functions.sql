create function declare_functions(names text[] default '{}') returns text[]
    language plpgsql security definer
    set search_path from current
    set lock_timeout = '250ms'  -- somebody's open transaction may have declared the same
as $$
declare
    v_wrong text;
begin
    select n.name into v_wrong from unnest(names) as n (name)
    where n.name is null or n.name !~ '^[A-Za-z_][A-Za-z0-9_.-]{0,99}$' limit 1;
    if found then
        raise exception 'no function can be called %', coalesce(quote_literal(left(v_wrong, 200)), 'null')
            using errcode = 'PW001', hint = 'Letters, digits, dots, dashes and underscores, and a letter first.';
    end if;
    -- in one order, so that workers that start together do not wait for each other in a circle
    insert into functions (name)
    select distinct n.name from unnest(names) as n (name) order by n.name
    on conflict on constraint a_function_is_known_by_its_name do nothing;
    return coalesce((select array_agg(f.name order by f.name) from functions f), '{}');
end
$$;

comment on function declare_functions(text[]) is
    'Lets documents call Python functions of these names, which workers have or will have; returns all names that are known. Workers do so when they start.';
