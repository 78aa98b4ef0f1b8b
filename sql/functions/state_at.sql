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
          and was_undone(v_undone, (h.data ->> 'start')::bigint, h.seq) is not true
    )
    -- of each activation the last that history had to tell by then
    select t.task, t.name, coalesce(t.data ->> 'kind', t.first_kind, ''),
           case when t.type <> 'task.started' then upper(split_part(t.type, '.', 2))
                when v_over or exists (select from unnest(v_undone) r (events) where t.seq <@ r.events) then 'CANCELLED'
                else 'RUNNING' end,
           t.iteration, t.start,
           t.began,
           case when t.type <> 'task.started' then t.occurred_at end,
           t.input, t.output, t.error
    from (
        select distinct on (o.start) o.*, first_value(o.occurred_at) over activation as began,
               first_value(o.data ->> 'kind') over activation as first_kind
        from told o
        window activation as (partition by o.start order by o.seq)
        order by o.start, o.seq desc) t
    order by t.start;
end
$$;

comment on function state_at(uuid, bigint) is
    'Time travel: every task that a workflow had begun by then, with its status, input and output as history stood after the event of that number (null: the newest).';
