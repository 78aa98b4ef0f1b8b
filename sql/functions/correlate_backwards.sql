create function correlate_backwards(
    p_correlations text[], p_types text[], p_keys jsonb[], p_from timestamptz[]
) returns void
    language plpgsql
    set search_path from current
as $$
declare
    v_wanted record;
    v_since  timestamptz;
    v_types  text[] := '{}';
    v_from   timestamptz[] := '{}';
    v_until  timestamptz[] := '{}';
begin
    -- First all correlations in the order of their ids, then all jobs in the order of theirs: whoever else does so
    -- holds nothing that these wait for, while it waits for what these hold.
    for v_wanted in
        select u.id, min(u.type) as type, min(u.keys::text)::jsonb as keys, min(u.since) as since
        from unnest(p_correlations, p_types, p_keys, p_from) as u (id, type, keys, since)
        group by u.id order by u.id
    loop
        insert into correlations (id, type, keys, since)
        values (v_wanted.id, v_wanted.type, v_wanted.keys, v_wanted.since)
        on conflict on constraint a_correlation_is_known_by_the_digest_of_its_type_and_keys do nothing;
        if found then
            v_since := 'infinity';
        else
            select c.since into v_since from correlations c where c.id = v_wanted.id;
            continue when v_since <= v_wanted.since;
            update correlations c set since = v_wanted.since where c.id = v_wanted.id and c.since > v_wanted.since;
        end if;
        v_types := v_types || v_wanted.type;
        v_from := v_from || v_wanted.since;
        v_until := v_until || v_since;
    end loop;
    -- What is still to be correlated for the first time has its job already.
    insert into jobs (workflow_id, seq, kind, due_at)
    select distinct e.id, 0, 'correlate', e.published_at
    from unnest(v_types, v_from, v_until) as u (type, since, until)
    join cloud_events e on (u.type is null or e.type = u.type) and e.published_at >= u.since and e.published_at < u.until
    order by e.id
    on conflict do nothing;
end
$$;

comment on function correlate_backwards(text[], text[], jsonb[], timestamptz[]) is
    'Makes correlations known, and sees to it that the CloudEvents since a time are correlated by each.';
