create function cancel_children(p_ids uuid[]) returns void
    language sql security definer
    set search_path from current
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
    -- A wish, not the deed: locking a child here, beside the locks of a turn, could end in a deadlock.
    insert into jobs (workflow_id, seq, kind, due_at, namespace, priority)
    select w.id, -1, 'decide', now(), w.namespace, w.priority
    from workflows w
    where w.id = any (p_ids) and w.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
    on conflict do nothing
$$;

comment on function cancel_children(uuid[]) is 'Has workflows cancel themselves because the one that waits for them will not any more.';
