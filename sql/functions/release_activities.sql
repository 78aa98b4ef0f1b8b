create function release_activities(p_workflows uuid[], p_seqs bigint[], p_tokens uuid[]) returns void
    language plpgsql security definer
    set search_path from current
as $$
begin
    update jobs j
    set lease_token = null, worker_id = null, due_at = now(), attempt = greatest(j.attempt - 1, 0),
        running_since = null, output_bytes = null, messages = null,
        kind = case given.status when 'PAUSED' then 'held perform' else 'perform' end
    from (select l.workflow_id, l.seq, (select w.status from workflows w where w.id = l.workflow_id) as status
          from jobs l
          join unnest(p_workflows, p_seqs, p_tokens) as p (workflow_id, seq, token)
               on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token
          -- never waiting: a turn may hold what this would wait for, and wait for what this holds
          for update of l skip locked) given
    where j.workflow_id = given.workflow_id and j.seq = given.seq;
    perform wake_workers();
end
$$;

comment on function release_activities(uuid[], bigint[], uuid[]) is
    'Gives leased activities back, to be performed by others at once; the attempt does not count.';
