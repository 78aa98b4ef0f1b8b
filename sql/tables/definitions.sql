create table definitions (
    namespace     text        not null,
    name          text        not null,
    version       text        not null,
    version_order text        not null,
    document      jsonb       not null,
    digest        text        not null,
    problems      text,
    created_at    timestamptz not null default now(),
    created_by    text        not null default session_user,
    constraint a_definition_is_known_by_namespace_name_and_version
        primary key (namespace, name, version),
    constraint a_definition_is_an_object
        check (jsonb_typeof(document) = 'object')
);

create index the_newest_definition_of_a_name
    on definitions (namespace, name, version_order collate "C" desc);

comment on table definitions is 'Workflow definitions, one row a version; a version''s content never changes.';
comment on column definitions.namespace is 'Namespace of the definition.';
comment on column definitions.name is 'Name of the definition.';
comment on column definitions.version is 'Version as it was written.';
comment on column definitions.version_order is 'Text that sorts (collation C) as the versions do.';
comment on column definitions.document is 'The document.';
comment on column definitions.digest is 'SHA-256 of the document''s canonical text: equal digests, equal content.';
comment on column definitions.problems is 'What the first worker that met the definition found wrong with it; null if nothing.';
comment on column definitions.created_at is 'When it was defined.';
comment on column definitions.created_by is 'Who defined it.';
