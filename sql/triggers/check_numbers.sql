create function check_numbers() returns trigger
    language plpgsql security definer
    set search_path from current
    set jit = off
as $$
begin
    -- Whoever adds events has moved the workflow's last_seq on before: a number beyond it was made up.
    if exists (select from (select workflow_id, max(seq) as seq from added group by workflow_id) a
               where not exists (select from workflows w where w.id = a.workflow_id and w.last_seq >= a.seq)) then
        raise exception 'the numbers of events are given by the database' using errcode = 'PW004',
            hint = 'Leave seq out.';
    end if;
    return null;
end
$$;

comment on function check_numbers() is 'Refuses events with numbers that their workflow has not given.';

create trigger numbers_are_given_by_the_workflow
    after insert on events
    referencing new table as added
    for each statement execute function check_numbers();
