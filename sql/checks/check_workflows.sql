create function check_workflows(
    p_first uuid default '00000000-0000-0000-0000-000000000000',
    p_last  uuid default 'ffffffff-ffff-ffff-ffff-ffffffffffff'
) returns table (problem text, workflow_id uuid, detail text)
    language sql stable security definer
    set search_path from current
as $$
    select * from check_numbering(p_first, p_last)
    union all
    select * from check_results(p_first, p_last)
    union all
    select * from check_timers(p_first, p_last)
    union all
    select * from check_jobs(p_first, p_last)
    union all
    select * from check_due_times(p_first, p_last)
    union all
    select * from check_listening(p_first, p_last)
    union all
    select * from check_children(p_first, p_last)
    union all
    select * from check_schedules(p_first, p_last)
    union all
    select * from check_leftovers(p_first, p_last)
$$;

comment on function check_workflows(uuid, uuid) is
    'Every invariant that SQL can check, over the workflows between two ids, or all of them: what is wrong, one row each; no row if everything is as it has to be. pgworker verify also calls check_database, and replays the histories.';
