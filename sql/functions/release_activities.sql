create function release_activities(p_workflows uuid[], p_seqs bigint[], p_tokens uuid[]) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update jobs j
    set lease_token = null, worker_id = null, due_at = now(), attempt = greatest(j.attempt - 1, 0)
    from (select l.workflow_id, l.seq
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
               on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token
          -- never waiting: a turn may hold what this would wait for, and wait for what this holds
          for update of l skip locked) held
    where j.workflow_id = held.workflow_id and j.seq = held.seq;
    perform wake_workers();
end
$$;

comment on function release_activities(uuid[], bigint[], uuid[]) is
    'Gives leased activities back, to be performed by others at once; the attempt does not count.';
