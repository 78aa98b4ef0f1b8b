create function task_name(p_task text) returns text
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select replace(replace(substring(p_task from '[^/]*$'), '~1', '/'), '~0', '~')
$$;

comment on function task_name(text) is 'The name of the task that a JSON Pointer leads to.';
