create table functions (
    name        text        not null,
    declared_at timestamptz not null default now(),
    declared_by text        not null default session_user,
    constraint a_function_is_known_by_its_name
        primary key (name)
);

comment on table functions is 'The Python functions that workers have registered, or that somebody has declared before: documents may call them by name.';
comment on column functions.name is 'What documents call it.';
comment on column functions.declared_at is 'When it was first declared.';
comment on column functions.declared_by is 'The database user who declared it first.';
