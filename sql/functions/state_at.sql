create function state_at(id uuid, at_seq bigint default null) returns table (
    task       text,
    name       text,
    kind       text,
    status     text,
    iteration  integer,
    seq        bigint,
    started_at timestamptz,
    ended_at   timestamptz,
    input      jsonb,
    output     jsonb,
    error      jsonb
)
    language plpgsql stable security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_last   bigint := (select w.last_seq from workflows w where w.id = state_at.id);
    v_at     bigint := coalesce(state_at.at_seq, v_last);
    v_over   boolean;
    v_undone int8range[] := undone(state_at.id, v_at);
begin
    perform must_exist(state_at.id);
    if v_at not between 1 and v_last then
        raise exception 'the workflow % has no event %', state_at.id, v_at using errcode = 'PW002',
            hint = format('Its history goes from 1 to %s.', v_last);
    end if;
    select e.type in ('workflow.completed', 'workflow.failed', 'workflow.cancelled') into v_over
    from events e where e.workflow_id = state_at.id and e.seq = v_at;
    return query
    with told as (
        select h.*, coalesce((h.data ->> 'start')::bigint, h.seq) as start
        from history h
        where h.workflow_id = state_at.id and h.seq <= v_at
          and h.type in ('task.started', 'task.completed', 'task.failed', 'task.skipped', 'task.cancelled')
          -- a retry that went back to a moment in between had the task go on
          and (v_undone is null or not was_undone(v_undone, (h.data ->> 'start')::bigint, h.seq))
    )
    -- of each activation the last that history had to tell by then
    select t.task, t.name, coalesce(t.data ->> 'kind', k.kind, ''),
           case when t.type <> 'task.started' then upper(split_part(t.type, '.', 2))
                when v_over then 'CANCELLED' else 'RUNNING' end,
           t.iteration, t.start,
           coalesce(k.began, t.occurred_at),
           case when t.type <> 'task.started' then t.occurred_at end,
           t.input, t.output, t.error
    from (select distinct on (o.start) o.* from told o order by o.start, o.seq desc) t
    left join lateral (
        select b.occurred_at as began, b.data ->> 'kind' as kind from told b where b.seq = t.start limit 1) k on true
    order by t.start;
end
$$;

comment on function state_at(uuid, bigint) is
    'Time travel: every task that a workflow had begun by then, with its status, input and output as history stood after the event of that number (null: the newest).';
