"""Runs the revisions on the connection, and in the schema, that ``pgworker.store.migrations`` hands over."""

from alembic import context
from sqlalchemy import text

from pgworker.store.bystanders import Bystanders
from pgworker.store.migrations import driver_of, frozen_of, run_as_it_is

options = context.config.attributes
schema = options["schema"]
quoted = '"' + schema.replace('"', '""') + '"'

PREPARE = (
    f"create schema if not exists {quoted}",
    f"set local search_path to {quoted}, pg_temp",
)
# What others have there would not be safe from the revisions, and the engine not from them.
REFUSE = """
do $$
begin
    if exists (
        select from pg_depend d
        where d.refclassid = 'pg_namespace'::regclass
        and d.refobjid = quote_ident(current_schema())::regnamespace
        and d.classid <> 'pg_default_acl'::regclass
    ) and (
        to_regclass(quote_ident(current_schema()) || '.alembic_version') is null
        or to_regclass(quote_ident(current_schema()) || '.definitions') is null
        or to_regclass(quote_ident(current_schema()) || '.workflows') is null
    ) then
        raise exception 'the schema % holds objects that are not pgworker''s', current_schema()
            using errcode = 'PW001',
                hint = 'Choose a schema that is empty or not there yet, as by PGWORKER_SCHEMA=pgworker.';
    end if;
end
$$
"""
# All at once, before anything else, and in the order in which workers lock: whoever works would be in a
# deadlock with a migration that locks one table after the other as it comes to them.
LOCK = """
do $$
declare
    v_tables text;
begin
    select string_agg(c.oid::regclass::text, ', '
                      order by array_position(array['workflows', 'jobs'], c.relname::text), c.relname)
    into v_tables from pg_class c
    where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'p');
    if v_tables is not null then
        execute 'lock table ' || v_tables || ' in access exclusive mode';
    end if;
end
$$
"""

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        version_table_schema=schema,
        output_buffer=options["output"],
        transactional_ddl=False,
    )
    with context.begin_transaction():
        context.get_context().impl.static_output("begin;")
        for statement in (*PREPARE, REFUSE):
            context.get_context().impl.static_output(f"{statement};")
        context.run_migrations()
        context.get_context().impl.static_output("commit;")
else:
    connection = options["connection"]
    with connection.begin():
        # migrators wait for each other, and for nobody else for long
        connection.execute(
            text("select pg_advisory_xact_lock(hashtext('pgworker migrate ' || :schema))"), {"schema": schema}
        )
        connection.execute(
            text("select set_config('lock_timeout', :milliseconds, true)"),
            {"milliseconds": str(options["lock_milliseconds"])},
        )
        for statement in (*PREPARE, REFUSE, LOCK):
            run_as_it_is(connection, statement)
        context.configure(connection=connection, version_table_schema=schema)
        made = frozen_of(context.get_context().get_current_revision())
        bystanders = Bystanders.of(driver_of(connection), made)
        with context.begin_transaction():
            context.run_migrations()
        bystanders.keep(driver_of(connection), made)
