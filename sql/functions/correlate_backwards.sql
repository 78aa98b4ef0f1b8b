create function correlate_backwards(p_correlation text, p_type text, p_keys jsonb, p_from timestamptz) returns void
    language plpgsql
    set search_path from current
as $$
declare
    v_since timestamptz;
begin
    insert into correlations (id, type, keys, since) values (p_correlation, p_type, p_keys, p_from)
    on conflict on constraint a_correlation_is_known_by_the_digest_of_its_type_and_keys do nothing;
    if found then
        v_since := 'infinity';
    else
        select c.since into v_since from correlations c where c.id = p_correlation;
        if v_since <= p_from then
            return;
        end if;
        update correlations c set since = p_from where c.id = p_correlation and c.since > p_from;
    end if;
    -- What is still to be correlated for the first time has its job already.
    insert into jobs (workflow_id, seq, kind, due_at)
    select e.id, 0, 'correlate', e.published_at
    from cloud_events e
    where (p_type is null or e.type = p_type) and e.published_at >= p_from and e.published_at < v_since
    on conflict do nothing;
end
$$;

comment on function correlate_backwards(text, text, jsonb, timestamptz) is
    'Makes a correlation known, and sees to it that the CloudEvents since a time are correlated by it.';
