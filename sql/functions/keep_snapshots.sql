create function keep_snapshots(
    p_workflows uuid[], p_seqs bigint[], p_formats integer[], p_states bytea[], p_digests text[]
) returns void
    language sql security definer
    set search_path from current
as $$
    insert into snapshots (workflow_id, seq, format, state, digest)
    select u.workflow_id, u.seq, u.format, u.state, u.digest
    from unnest(p_workflows, p_seqs, p_formats, p_states, p_digests) as u (workflow_id, seq, format, state, digest)
    order by u.workflow_id
    on conflict on constraint a_workflow_has_one_snapshot do update
    set seq = excluded.seq, format = excluded.format, state = excluded.state, digest = excluded.digest,
        taken_at = now()
$$;

comment on function keep_snapshots(uuid[], bigint[], integer[], bytea[], text[]) is
    'Keeps the states of workflows as of an event, instead of earlier ones.';
