"""``pgworker psql``: PostgreSQL's own shell, in the engine's schema."""

from __future__ import annotations

import os
import shutil

import typer

from pgworker.cli.connect import load_settings


def psql(context: typer.Context) -> None:
    """Open psql on the database, with the schema on its search path; further arguments go to psql."""
    from pgworker.store.readiness import psql_connection

    settings = load_settings()
    # a session of one's own, which a transaction pooler does not give
    url = settings.listen_url or settings.database
    arguments, environment = psql_connection(url, settings.db_schema, os.environ)
    program = _program()
    os.execve(program, [program, *arguments, *context.args], environment)


def _program() -> str:
    """The psql of the system, or else the one of the embedded PostgreSQL."""
    from pgworker.errors import SettingsError
    from pgworker.store.postgres_programs import installed_programs

    if (found := shutil.which("psql")) is not None:
        return found
    try:
        return str(installed_programs() / "psql")
    except SettingsError as error:
        raise SettingsError("psql is not installed", hint="Install PostgreSQL's client programs.") from error
