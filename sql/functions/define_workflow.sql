create function define_workflow(definition jsonb) returns text
    language plpgsql security definer
    set search_path from current
as $$
declare
    v_namespace text := coalesce(definition #>> '{document,namespace}', 'default');
    v_name      text := coalesce(definition #>> '{document,name}', definition ->> 'id', definition ->> 'key');
    v_version   text := coalesce(definition #>> '{document,version}', definition ->> 'version');
    v_digest    text := encode(sha256(convert_to(definition::text, 'UTF8')), 'hex');
    v_known     text;
begin
    if definition is null or jsonb_typeof(definition) <> 'object' then
        raise exception 'a definition is a JSON object' using errcode = 'PW001',
            hint = 'Pass the whole document, converted to JSON.';
    end if;
    if v_name is null or v_name = '' or v_version is null or v_version = '' then
        raise exception 'the definition lacks its %', case when coalesce(v_name, '') = '' then 'name' else 'version' end
            using errcode = 'PW001',
            hint = 'DSL 1.0 documents have document.name and document.version, 0.8 documents id and version.';
    end if;
    if greatest(length(v_namespace), length(v_name), length(v_version)) > 255
       or octet_length(v_namespace || v_name || v_version) > 1530 then
        raise exception 'namespace, name and version have 255 characters at most, and 1530 bytes together'
            using errcode = 'PW001', hint = 'Shorten what is longer.';
    end if;
    perform refuse_value(definition, 'the definition');
    insert into definitions as d (namespace, name, version, version_order, document, digest)
    values (v_namespace, v_name, v_version, version_order(v_version), definition, v_digest)
    on conflict on constraint a_definition_is_known_by_namespace_name_and_version do nothing;
    select digest into v_known from definitions
    where namespace = v_namespace and name = v_name and version = v_version;
    if v_known <> v_digest then
        raise exception '%/%:% is defined already, with other content', v_namespace, v_name, v_version
            using errcode = 'PW003', hint = 'Give the changed document a new version.';
    end if;
    -- also if it is known: it may have been imported, which schedules nothing
    perform renew_schedule(v_namespace, v_name);
    return format('%s/%s:%s', v_namespace, v_name, v_version);
end
$$;

comment on function define_workflow(jsonb) is
    'Stores one version of a definition and returns namespace/name:version. The same content again changes nothing; other content under the same version is an error (PW003).';
