create function open_tasks(p_workflow uuid) returns setof bigint
    language sql stable rows 10
    set search_path from current
as $$
    select s.seq from events s where s.workflow_id = p_workflow and s.type = 'task.started'
    except
    select (e.data ->> 'start')::bigint from events e
    where e.workflow_id = p_workflow and e.type in ('task.completed', 'task.failed', 'task.cancelled')
      and was_undone((select undone(p_workflow)), (e.data ->> 'start')::bigint, e.seq) is not true
$$;

comment on function open_tasks(uuid) is 'The events with which those tasks of a workflow began that have not ended.';
