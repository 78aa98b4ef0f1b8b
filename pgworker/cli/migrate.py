"""``pgworker migrate``: brings the database's schema to this version."""

from __future__ import annotations

from typing import Annotated

import typer

from pgworker.cli.connect import load_settings


def migrate(
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL instead of running it; needs no database.")
    ] = False,
) -> None:
    """Make the schema, or bring it to this version."""
    from pgworker.store.database import Database
    from pgworker.store.migrations import migrate as bring_up
    from pgworker.store.migrations import migration_script
    from pgworker.store.readiness import connection_parameters

    settings = load_settings()
    schema = settings.db_schema
    if sql:
        print(migration_script(schema), end="")
        return
    connection_parameters(settings.database)
    before, now = bring_up(Database(settings.database, schema))
    if before == now:
        print(f"the schema {schema} is at revision {now} already")
    elif before is None:
        print(f"made the schema {schema} at revision {now}")
    else:
        print(f"brought the schema {schema} from revision {before} to {now}")
