"""Bringing a database's schema to this version, by alembic and frozen SQL files."""

from __future__ import annotations

import io

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from pgworker.errors import StoreRefused
from pgworker.resources import migrations_dir, sql_dir
from pgworker.store.database import Database
from pgworker.store.failures import translate, translated


def migrate(database: Database) -> tuple[str | None, str]:
    """Brings the schema to this version; returns the revision before and the one now.

    Raises ``DatabaseUnavailable``, or ``StoreRefused`` if the schema is newer than this version.
    """
    with translated():
        connection = psycopg.connect(
            database.url,
            connect_timeout=10,
            application_name="pgworker migrate",
            prepare_threshold=None,  # nothing is repeated, and poolers lose it
        )
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=pool.StaticPool)
    try:
        with engine.connect() as sqlalchemy_connection:
            before = _revision(sqlalchemy_connection, database.schema)
            head = head_revision()
            if before is not None and before not in _known_revisions():
                raise StoreRefused(
                    f"the schema {database.schema} is at revision {before}, which this version does not know",
                    hint="Use the version of pgworker that migrated it, or a newer one.",
                )
            sqlalchemy_connection.rollback()
            config = _config(database.schema)
            config.attributes["connection"] = sqlalchemy_connection
            command.upgrade(config, "head")
    except (psycopg.Error, DBAPIError) as error:
        raise (
            translate(error) if isinstance(error, psycopg.Error) else StoreRefused(str(error.orig))
        ) from error
    finally:
        engine.dispose()
        connection.close()
    return before, head


def migration_script(schema: str) -> str:
    """The SQL that makes the schema from nothing, for those who run it by themselves."""
    output = io.StringIO()
    config = _config(schema)
    config.attributes["output"] = output
    command.upgrade(config, "head", sql=True)
    # alembic writes names as a driver wants them, with percent signs doubled
    return output.getvalue().replace(schema.replace("%", "%%"), schema)


def head_revision() -> str:
    """The revision of this version."""
    head = ScriptDirectory.from_config(_config("pgworker")).get_current_head()
    if head is None:
        raise StoreRefused("this installation has no migrations")
    return head


def current_sql() -> str:
    """What ``sql/`` says the database is, as one script to be run under the schema's search path."""
    folder = sql_dir()
    names = [
        line for line in (folder / "order.txt").read_text().splitlines() if line and not line.startswith("#")
    ]
    return "\n".join((folder / name).read_text() for name in names)


def run_frozen(name: str) -> None:
    """Runs one frozen SQL file; called by the revisions."""
    script = (migrations_dir() / "frozen" / name).read_text()
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output(script)
    else:
        run_as_it_is(op.get_bind(), script)


def run_as_it_is(connection: Connection, script: str) -> None:
    """Runs SQL through the driver: SQLAlchemy would look for parameters behind percent signs."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    driver.execute(script.encode())


def _config(schema: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    config.attributes["schema"] = schema
    return config


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config("pgworker")).walk_revisions()}


def _revision(connection: Connection, schema: str) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table_schema": schema}
    ).get_current_revision()
