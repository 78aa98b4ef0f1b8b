"""Bringing a database's schema to this version, by alembic and frozen SQL files."""

from __future__ import annotations

import io
import time
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from pgworker.errors import DatabaseUnavailable, StoreRefused
from pgworker.resources import migrations_dir, sql_dir
from pgworker.store.database import Database
from pgworker.store.failures import translate, translated

_FIRST_LOCK_SECONDS = 0.3
_LONGEST_LOCK_SECONDS = 2.0
"""The server sends an autovacuum away only for somebody who waits for its ``deadlock_timeout``, a second."""

_GIVING_UP_SECONDS = 60.0


def migrate(database: Database) -> tuple[str | None, str]:
    """Brings the schema to this version; returns the revision before and the one now.

    Workers may go on meanwhile: they stand still for less than a second. Raises ``DatabaseUnavailable``, also
    if somebody's transaction keeps the tables for a minute, and ``StoreRefused`` if the schema is newer than
    this version.
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
            if before != head:
                _upgrade(config)
    except (psycopg.Error, DBAPIError) as error:
        raise (
            translate(error) if isinstance(error, psycopg.Error) else StoreRefused(str(error.orig))
        ) from error
    finally:
        engine.dispose()
        connection.close()
    return before, head


def _upgrade(config: Config) -> None:
    """All or nothing, in one transaction, which gives way where somebody else holds a table for long.

    Whoever comes after a lock that is waited for has to wait, too.
    """
    giving_up = time.monotonic() + _GIVING_UP_SECONDS
    seconds = _FIRST_LOCK_SECONDS
    while True:
        config.attributes["lock_milliseconds"] = round(seconds * 1000)
        try:
            command.upgrade(config, "head")
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() >= giving_up:
                raise DatabaseUnavailable(
                    "other transactions do not let go of the tables, and nothing was migrated",
                    hint="Look for long ones in pg_stat_activity, end them, and migrate again.",
                ) from error
        time.sleep(seconds)  # those who had to wait go first
        seconds = min(1.5 * seconds, _LONGEST_LOCK_SECONDS)


def migration_script(schema: str, revision: str = "head") -> str:
    """The SQL that makes the schema from nothing, for those who run it by themselves."""
    output = io.StringIO()
    config = _config(schema)
    config.attributes["output"] = output
    command.upgrade(config, revision, sql=True)
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
    script = _frozen(name)
    context = op.get_context()
    if context.as_sql:
        context.impl.static_output(script)
    else:
        run_as_it_is(op.get_bind(), script)


def run_as_it_is(connection: Connection, script: str) -> None:
    """Runs SQL through the driver: SQLAlchemy would look for parameters behind percent signs."""
    driver_of(connection).execute(script.encode())


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def frozen_of(revision: str | None) -> str:
    """The frozen SQL that made the revision's code; nothing for no revision."""
    return "" if revision is None else _frozen(f"{revision}.sql")


def _frozen(name: str) -> str:
    return (migrations_dir() / "frozen" / name).read_text()


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
