create function note_problems(p_namespace text, p_name text, p_version text, p_problems text) returns void
    language sql security definer
    set search_path from current
as $$
    update definitions set problems = p_problems
    where namespace = p_namespace and name = p_name and version = p_version and problems is distinct from p_problems
$$;

comment on function note_problems(text, text, text, text) is
    'Keeps what a worker found wrong with a definition, to be seen where definitions are listed.';
