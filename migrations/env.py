"""Runs the revisions on the connection, and in the schema, that ``pgworker.store.migrations`` hands over."""

from alembic import context
from sqlalchemy import text

from pgworker.store.migrations import run_as_it_is

options = context.config.attributes
schema = options["schema"]
quoted = '"' + schema.replace('"', '""') + '"'

PREPARE = (
    f"create schema if not exists {quoted}",
    f"set local search_path to {quoted}, pg_temp",
)
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
        for statement in PREPARE:
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
        for statement in (*PREPARE, LOCK):
            run_as_it_is(connection, statement)
        context.configure(connection=connection, version_table_schema=schema)
        with context.begin_transaction():
            context.run_migrations()
