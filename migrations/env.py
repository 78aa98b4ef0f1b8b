"""Runs the revisions on the connection, and in the schema, that ``pgworker.store.migrations`` hands over."""

from alembic import context
from sqlalchemy import text

from pgworker.store.migrations import LOCK_SECONDS, run_as_it_is

options = context.config.attributes
schema = options["schema"]
quoted = '"' + schema.replace('"', '""') + '"'

PREPARE = (
    f"create schema if not exists {quoted}",
    f"set local search_path to {quoted}, pg_temp",
)

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
        connection.execute(text(f"set local lock_timeout to '{LOCK_SECONDS}s'"))
        for statement in PREPARE:
            run_as_it_is(connection, statement)
        context.configure(connection=connection, version_table_schema=schema)
        with context.begin_transaction():
            context.run_migrations()
