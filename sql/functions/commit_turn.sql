create function commit_turn(
    p_session         uuid,
    p_worker          text,
    p_lease           interval,
    p_event_workflows uuid[],
    p_event_seqs      bigint[],
    p_event_types     text[],
    p_event_tasks     text[],
    p_event_data      jsonb[],
    p_workflows       uuid[],
    p_seqs_before     bigint[],
    p_seqs_after      bigint[],
    p_statuses        text[],
    p_outputs         jsonb[],
    p_errors          jsonb[],
    p_ended_jobs_of   uuid[],
    p_ended_jobs      bigint[],
    p_jobs_of         uuid[],
    p_jobs            bigint[],
    p_job_kinds       text[],
    p_job_due_at      timestamptz[],
    p_job_namespaces  text[],
    p_job_priorities  integer[],
    p_job_tokens      uuid[],
    p_published_by    uuid[],
    p_published       jsonb[]
) returns void
    language plpgsql security definer
    set search_path from current
    set lock_timeout = '250ms'
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set jit = off
as $$
declare
    v_updated integer;
    v_ended   uuid[];
begin
    update workflows w
    set last_seq   = n.seq_after,
        folded_by  = p_session,
        folded_seq = n.seq_after,
        status     = n.status,
        output     = n.output,
        error      = n.error,
        started_at = coalesce(w.started_at, now()),
        ended_at   = case when n.status in ('COMPLETED', 'FAILED', 'CANCELLED') then coalesce(w.ended_at, now()) end
    from unnest(p_workflows, p_seqs_before, p_seqs_after, p_statuses, p_outputs, p_errors)
        as n (id, seq_before, seq_after, status, output, error)
    where w.id = n.id and w.last_seq = n.seq_before;
    get diagnostics v_updated = row_count;
    if v_updated <> cardinality(p_workflows) then
        raise exception 'a workflow of this turn has gone on elsewhere' using errcode = 'PW008';
    end if;

    insert into events (workflow_id, seq, type, task, data, occurred_at, actor)
    select n.workflow_id, n.seq, n.type, n.task, n.data, now(), p_worker
    from unnest(p_event_workflows, p_event_seqs, p_event_types, p_event_tasks, p_event_data)
        as n (workflow_id, seq, type, task, data);

    delete from jobs j
    using unnest(p_ended_jobs_of, p_ended_jobs) as n (workflow_id, seq)
    where j.workflow_id = n.workflow_id and j.seq = n.seq;

    select array_agg(n.id) into v_ended
    from unnest(p_workflows, p_statuses) as n (id, status)
    where n.status in ('COMPLETED', 'FAILED', 'CANCELLED');
    if v_ended is not null then
        -- Without waiting: what somebody else holds this moment ends with its own next turn.
        delete from jobs j
        using (select o.workflow_id, o.seq from jobs o where o.workflow_id = any (v_ended)
               for update skip locked) o
        where j.workflow_id = o.workflow_id and j.seq = o.seq;
        perform workflows_ended(v_ended);
    end if;

    if p_published <> '{}' then
        perform publish_emitted(p_published_by, p_published);
    end if;

    if p_jobs_of <> '{}' then
        insert into jobs (workflow_id, seq, kind, due_at, namespace, priority, lease_token, worker_id, attempt)
        select n.workflow_id, n.seq, n.kind,
               case when n.token is not null then clock_timestamp() + p_lease else coalesce(n.due_at, now()) end,
               n.namespace, n.priority, n.token,
               case when n.token is not null then p_worker end,
               case when n.token is not null then 1 else 0 end
        from unnest(p_jobs_of, p_jobs, p_job_kinds, p_job_due_at, p_job_namespaces, p_job_priorities, p_job_tokens)
            as n (workflow_id, seq, kind, due_at, namespace, priority, token)
        on conflict on constraint a_job_is_known_by_the_event_that_scheduled_it do
            update set due_at = least(jobs.due_at, excluded.due_at);  -- another turn, put off before
        if exists (select from unnest(p_job_kinds, p_job_tokens) as n (kind, token)
                   where n.kind = 'perform' and n.token is null) then
            perform wake_workers(p_worker);
        end if;
    end if;
end
$$;

comment on function commit_turn(uuid, text, interval, uuid[], bigint[], text[], text[], jsonb[], uuid[], bigint[], bigint[], text[], jsonb[], jsonb[], uuid[], bigint[], uuid[], bigint[], text[], timestamptz[], text[], integer[], uuid[], uuid[], jsonb[]) is
    'Writes a turn: the new events, the workflows'' rows, the jobs that are done and the ones that follow. A job with a token is leased to the worker from the start. PW008 if a workflow is not where the turn found it.';
