create function must_exist(p_workflow uuid) returns void
    language plpgsql stable
    set search_path from current
as $$
begin
    if not exists (select from workflows w where w.id = p_workflow) then
        raise exception 'there is no workflow %', p_workflow using errcode = 'PW002',
            hint = 'The view workflows has those that there are; ended ones may have been purged.';
    end if;
end
$$;

comment on function must_exist(uuid) is 'Raises PW002 if there is no such workflow.';
