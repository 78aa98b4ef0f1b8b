create function workflow_outcome(id uuid) returns table (status text, output jsonb, error jsonb)
    language plpgsql stable security definer
    set search_path from current
as $$
#variable_conflict use_column
begin
    perform must_exist(workflow_outcome.id);
    return query select w.status, w.output, w.error from workflows w where w.id = workflow_outcome.id;
end
$$;

comment on function workflow_outcome(uuid) is
    'How a workflow stands and, once it has ended, what came of it: its output or its error. Unlike wait_for_workflow it does not wait.';
