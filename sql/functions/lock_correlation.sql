create function lock_correlation(p_alone boolean) returns void
    language plpgsql
    set search_path from current
as $$
begin
    -- Who begins to listen shares the lock, who correlates has it alone: each sees all that the other did
    -- before, so no CloudEvent slips between a listen that begins and its correlation.
    if p_alone then
        perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' correlation', 0));
    else
        perform pg_advisory_xact_lock_shared(hashtextextended(current_schema() || ' correlation', 0));
    end if;
end
$$;

comment on function lock_correlation(boolean) is
    'Until the end of the transaction keeps those who correlate CloudEvents and those who begin to listen apart.';
