do $$
declare
    v_role text;
begin
    foreach v_role in array array['pgworker_worker', 'pgworker_client', 'pgworker_reader'] loop
        if not exists (select from pg_roles where rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when insufficient_privilege then
                    raise notice 'the role % is missing and may not be created by %', v_role, current_user;
                when duplicate_object or unique_violation then
                    null;  -- another installation was quicker
            end;
        end if;
    end loop;
end
$$;
