"""A strike: ``python -m pgworker.worker.strike ID``, by the supervisor of a process that died deciding."""

from __future__ import annotations

import asyncio
import sys

from pgworker.errors import DatabaseUnavailable
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.patience import patiently
from pgworker.store.turns import TurnConnection
from pgworker.telemetry import configure_logging, log

STRIKE_SECONDS = 1.0
"""A workflow that broke gets its next turn so much later."""


async def strike(settings: Settings, workflow_id: str) -> None:
    """Puts off the turn of a workflow, and counts that; raises ``DatabaseUnavailable``."""
    database = Database(settings.database, settings.db_schema)
    connection = TurnConnection(database, await database.connect("supervisor"), "supervisor", 0)
    try:
        await connection.postpone(workflow_id, STRIKE_SECONDS)
    finally:
        await connection.close()


def main() -> None:
    """Notes the strike, if the database is there within a minute."""
    settings = Settings.load()
    configure_logging(settings.log_level, settings.log_format)
    try:
        asyncio.run(patiently(lambda: strike(settings, sys.argv[1])))
    except DatabaseUnavailable as error:
        log.warning("a strike could not be noted", workflow_id=sys.argv[1], reason=error.message)


if __name__ == "__main__":
    main()
