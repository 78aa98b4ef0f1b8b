create function correlations_for(p_types text[]) returns table (id text, type text, keys jsonb)
    language sql stable security definer
    set search_path from current
as $$
    select c.id, c.type, c.keys from correlations c where c.type = any (p_types)
    union all
    select c.id, c.type, c.keys from correlations c where c.type is null
$$;

comment on function correlations_for(text[]) is 'The correlations that CloudEvents of these types have values by.';
