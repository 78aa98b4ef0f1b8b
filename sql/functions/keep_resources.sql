create function keep_resources(
    p_namespace text, p_name text, p_version text, p_uris text[], p_contents jsonb[], p_worker text
) returns void
    language sql security definer
    set search_path from current
as $$
    -- the first who loads them settles what they are
    insert into resources (namespace, name, version, uri, content, loaded_by)
    select p_namespace, p_name, p_version, u.uri, u.content, p_worker
    from unnest(p_uris, p_contents) as u (uri, content)
    on conflict on constraint a_resource_belongs_to_a_definition do nothing
$$;

comment on function keep_resources(text, text, text, text[], jsonb[], text) is
    'Keeps what a definition refers to, as it was loaded.';
