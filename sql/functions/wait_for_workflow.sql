create function wait_for_workflow(id uuid, timeout interval default '30 s') returns jsonb
    language plpgsql security definer
    set search_path from current
as $$
#variable_conflict use_column
declare
    v_until  timestamptz := clock_timestamp() + coalesce(wait_for_workflow.timeout, '30 s');
    v_pause  double precision := 0.002;
    v_found  record;
begin
    loop
        -- each look is a statement of its own, and so sees what was committed before it
        select w.status, w.output, w.error into v_found from workflows w where w.id = wait_for_workflow.id;
        if not found then
            raise exception 'there is no workflow %', wait_for_workflow.id using errcode = 'PW002',
                hint = 'A workflow that was started in this transaction is seen by workers after the commit only.';
        end if;
        if v_found.status = 'COMPLETED' then
            return v_found.output;
        end if;
        if v_found.status in ('FAILED', 'CANCELLED') then
            raise exception 'the workflow % is %: %', wait_for_workflow.id, v_found.status,
                    coalesce(v_found.error ->> 'detail', v_found.error ->> 'title', 'no reason given')
                using errcode = case v_found.status when 'FAILED' then 'PW005' else 'PW006' end,
                detail = v_found.error::text,
                hint = format('What it did: select * from history where workflow_id = ''%s'' order by seq.', wait_for_workflow.id);
        end if;
        if clock_timestamp() >= v_until then
            raise exception 'the workflow % is still % after %', wait_for_workflow.id, v_found.status,
                    wait_for_workflow.timeout
                using errcode = 'PW007', hint = 'Wait longer, or see whether a worker is running: select * from workers.';
        end if;
        perform pg_sleep(least(v_pause, extract(epoch from v_until - clock_timestamp())));
        v_pause := least(v_pause * 1.5, 0.1);
    end loop;
end
$$;

comment on function wait_for_workflow(uuid, interval) is
    'Waits until a workflow has ended and returns its output; raises with the error of a failed (PW005) or cancelled (PW006) one, and PW007 when the time is over.';
