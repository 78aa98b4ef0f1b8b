create function refuse_change() returns trigger
    language plpgsql security definer
    set search_path from current
as $$
begin
    if tg_op = 'DELETE' and tg_level = 'ROW' then
        -- a whole workflow may go, its row first
        if not exists (select from workflows where id = old.workflow_id) then
            return old;
        end if;
    end if;
    raise exception 'history is append-only: % on events is refused', tg_op using errcode = 'PW004',
        hint = 'Append an event that says what is different now (select append_event(...)); to remove whole finished workflows use purge.';
end
$$;

comment on function refuse_change() is 'Refuses UPDATE, DELETE and TRUNCATE of history.';

create trigger history_is_append_only
    before update or delete on events
    for each row execute function refuse_change();
create trigger history_is_not_truncated
    before truncate on events
    for each statement execute function refuse_change();
