create function start_children(
    p_parents uuid[], p_seqs bigint[], p_ids uuid[], p_namespaces text[], p_names text[], p_versions text[],
    p_inputs jsonb[], p_waits boolean[]
) returns void
    language plpgsql security definer
    set search_path from current
    set lock_timeout = '20ms'  -- an id may have been taken in somebody's open transaction, and others wait for this turn
as $$
begin
    insert into workflows (id, namespace, name, version, input, last_seq, priority, parent_id, parent_seq,
                           parent_waits, event_floor)
    select u.id, u.namespace, u.name, d.version, u.input, 1, w.priority, u.parent, u.seq, u.waits, event_floor()
    from unnest(p_parents, p_seqs, p_ids, p_namespaces, p_names, p_versions, p_inputs, p_waits)
        as u (parent, seq, id, namespace, name, version, input, waits)
    join workflows w on w.id = u.parent
    cross join lateral (
        select d.version from definitions d
        where d.namespace = u.namespace and d.name = u.name and (u.version is null or d.version = u.version)
        order by d.version_order collate "C" desc limit 1) d;
    insert into events (workflow_id, seq, type, data)
    select w.id, 1, 'workflow.started', jsonb_build_object('input', w.input, 'parent', w.parent_id)
    from workflows w where w.id = any (p_ids);
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select w.id, 0, 'decide', now(), w.namespace, w.priority from workflows w where w.id = any (p_ids);
    -- The parents of those that cannot be started are told so, and those that do not wait that it has begun.
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select u.parent, u.seq, 'decide', now(), p.namespace, p.priority
    from unnest(p_parents, p_seqs, p_ids, p_waits) as u (parent, seq, id, waits)
    join workflows p on p.id = u.parent
    where (not u.waits or not exists (select from workflows w where w.id = u.id))
      and p.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    on conflict do nothing;
    perform wake_workers();
end
$$;

comment on function start_children(uuid[], bigint[], uuid[], text[], text[], text[], jsonb[], boolean[]) is
    'Starts workflows on behalf of others. Version null is the newest.';
