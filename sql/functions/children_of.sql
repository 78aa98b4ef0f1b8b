create function children_of(p_parent uuid, p_seqs bigint[]) returns json
    language sql stable
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    select json_agg(json_build_array(c.parent_seq, c.status, c.output, c.error))
    from workflows c
    where c.parent_id = p_parent and c.parent_seq = any (p_seqs)
$$;

comment on function children_of(uuid, bigint[]) is
    'The workflows that these events of a parent started: arrays of the event, the status, the output and the error.';
