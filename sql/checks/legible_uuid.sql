create function legible_uuid(p_text text) returns uuid
    language sql immutable strict parallel safe
    set search_path from current
as $$
    select case when p_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid end
$$;

comment on function legible_uuid(text) is 'The id that a text is; null where it is none.';
