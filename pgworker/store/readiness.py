"""Whether a database can be used: its connection string, and the schema in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgworker.errors import SettingsError, StoreRefused
from pgworker.resources import migrations_dir
from pgworker.store.database import Database
from pgworker.store.failures import translated

_RELATIONS: LiteralString = """
    select to_regclass(format('%%I.workflows', %(schema)s::text)) is not null,
           to_regclass(format('%%I.alembic_version', %(schema)s::text)) is not null
"""
_REVISION: LiteralString = "select version_num from {schema}.alembic_version"


def connection_parameters(url: str, what: str = "the connection string of the database") -> dict[str, Any]:
    """What a connection string says; raises ``SettingsError``, without repeating it: it has passwords."""
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError as error:
        raise SettingsError(
            f"{what} cannot be understood",
            hint="Write it like postgresql://user:password@host:5432/database or host=... dbname=...",
        ) from error


def newest_revision() -> str:
    """The revision of this version; revisions are numbered, and alembic is slow to ask."""
    return max(path.name.partition("_")[0] for path in (migrations_dir() / "versions").glob("[0-9]*.py"))


async def check_prepared(database: Database) -> None:
    """Raises ``DatabaseUnavailable``, or ``StoreRefused`` if the schema is missing."""
    connection_parameters(database.url)
    async with await database.connect("check") as connection:
        with translated():
            row = await (await connection.execute(_RELATIONS, {"schema": database.schema})).fetchone()
    if row is None or not row[0]:
        raise unprepared(database.schema)


async def server_version(database: Database) -> int:
    """The version of the server, such as 150004 for 15.4; raises ``DatabaseUnavailable``."""
    connection_parameters(database.url)
    async with await database.connect("check") as connection:
        return connection.info.server_version


async def revision(database: Database) -> str | None:
    """The revision of the schema, None if it is missing; empty if it was made by other means than ours.

    Raises ``DatabaseUnavailable``.
    """
    connection_parameters(database.url)
    async with await database.connect("check") as connection:
        with translated():
            row = await (await connection.execute(_RELATIONS, {"schema": database.schema})).fetchone()
            if row is None or not row[0]:
                return None
            if not row[1]:
                return ""
            found = await (await connection.execute(database.statement(_REVISION), [])).fetchone()
            return "" if found is None else str(found[0])


def unprepared(schema: str) -> StoreRefused:
    """What is raised for a database that lacks the schema."""
    return StoreRefused(
        f"the database has no schema {schema} with pgworker's tables",
        hint="Prepare it: run `pgworker migrate`.",
    )


def psql_connection(
    url: str, schema: str, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment with which psql connects, the schema first on its search path.

    The password goes into the environment: arguments can be read by every user of the machine.
    """
    parameters = connection_parameters(url)
    changed = dict(environment)
    if (password := parameters.pop("password", None)) is not None:
        changed["PGPASSWORD"] = str(password)
    options = parameters.pop("options", None) or environment.get("PGOPTIONS", "")
    path = '"' + schema.replace('"', '""') + '", public'
    # the server splits options at spaces, and takes a backslash before one as part of the value
    escaped = path.replace("\\", "\\\\").replace(" ", "\\ ")
    changed["PGOPTIONS"] = f"{options} -c search_path={escaped}".strip()
    return ["--dbname", make_conninfo(**parameters)] if parameters else [], changed
