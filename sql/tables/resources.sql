create table resources (
    namespace text        not null,
    name      text        not null,
    version   text        not null,
    uri       text        not null,
    content   jsonb       not null,
    loaded_at timestamptz not null default now(),
    loaded_by text        not null default session_user,
    constraint a_resource_belongs_to_a_definition
        primary key (namespace, name, version, uri)
);

comment on table resources is 'What definitions refer to outside of themselves (functions of catalogs, schemas), as it was when it was first needed: a version never changes its meaning.';
comment on column resources.namespace is 'Namespace of the definition.';
comment on column resources.name is 'Name of the definition.';
comment on column resources.version is 'Version of the definition.';
comment on column resources.uri is 'Where it was loaded from.';
comment on column resources.content is 'What was there.';
comment on column resources.loaded_at is 'When it was loaded.';
comment on column resources.loaded_by is 'The worker that loaded it.';
