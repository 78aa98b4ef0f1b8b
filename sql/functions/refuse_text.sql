create function refuse_text(p_text text, p_what text, p_most integer default 1024) returns void
    language plpgsql immutable
    set search_path from current
as $$
begin
    if octet_length(p_text) > p_most then
        raise exception '% has % bytes at most', p_what, p_most using errcode = 'PW001',
            hint = format('This has %s: shorten it.', octet_length(p_text));
    end if;
end
$$;

comment on function refuse_text(text, text, integer) is 'Refuses (PW001) a text of more bytes than so many.';
