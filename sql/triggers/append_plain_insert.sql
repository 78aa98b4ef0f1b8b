create function append_plain_insert() returns trigger
    language plpgsql security definer
    set search_path from current
as $$
begin
    perform refuse_value(new.data, 'the event''s data');
    new.seq := append_to_history(new.workflow_id, new.type);
    new.task := null;
    new.data := coalesce(new.data, '{}');
    new.occurred_at := clock_timestamp();
    new.actor := session_user;
    return new;
end
$$;

comment on function append_plain_insert() is 'Gives an inserted event its number, as append_event does.';

create trigger events_that_are_inserted_plainly_are_appended
    before insert on events
    for each row when (new.seq is null)
    execute function append_plain_insert();
