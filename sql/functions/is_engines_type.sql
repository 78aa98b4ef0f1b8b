create function is_engines_type(p_type text) returns boolean
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select p_type ~ '^(workflow|task|timer|iteration|input|error|listen|child|branch|extension|snapshot)\.|^(event|message)\.received$'
$$;

comment on function is_engines_type(text) is
    'Whether events of the type are written by the engine alone; those of other types may hold anything.';
