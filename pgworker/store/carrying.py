"""Carrying: whole workflows as lines of JSON, out of one database and into another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from pgworker.engine.events import Event
from pgworker.engine.state_json import time_of
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.store.inspection import Flaw, Standing

_EXPORT: LiteralString = "select * from {schema}.export_workflow(%s)"
_IMPORT: LiteralString = "select {schema}.import_workflow(%s::jsonb[])"
_PROBLEMS: LiteralString = (
    "select p.problem, p.workflow_id, p.detail from unnest(%s::uuid[]) one"
    " cross join lateral {schema}.check_workflows(one, one) p"
)


class Intake:
    """Workflows that are being taken in, in one transaction."""

    def __init__(self, database: Database, connection: AsyncConnection[Any]) -> None:
        self._database = database
        self._connection = connection

    async def take(self, lines: Sequence[str]) -> None:
        """Takes the next lines in; raises ``Conflict`` for what is in the database already."""
        await self._connection.execute(self._database.statement(_IMPORT), [list(lines)])

    async def flaws(self, workflow_ids: Sequence[str]) -> list[Flaw]:
        """What the database's own checks find wrong with these workflows."""
        rows = await self._connection.execute(self._database.statement(_PROBLEMS), [list(workflow_ids)])
        return [Flaw(*row) for row in await rows.fetchall()]


async def lines_of(database: Database, workflow_id: str) -> AsyncIterator[str]:
    """A workflow and its children as lines, all as of one moment; raises ``NotFound``."""
    with translated():
        async with await database.connect("export") as connection, connection.cursor() as cursor:
            async for (line,) in cursor.stream(database.statement(_EXPORT), [workflow_id], size=100):
                yield line


@asynccontextmanager
async def intake(database: Database) -> AsyncIterator[Intake]:
    """A transaction in which workflows are taken in: all of them, or none if the block raises.

    Raises ``StoreRefused`` for who is not the owner of the schema.
    """
    with translated():
        async with await database.connect("import") as connection, connection.transaction():
            yield Intake(database, connection)


def read_standing(row: dict[str, Any]) -> Standing:
    """A workflow's row as an exported line has it; raises ``KeyError`` for one that lacks something."""
    return Standing(
        id=row["id"],
        status=row["status"],
        input=row.get("input"),
        output=row.get("output"),
        error=row.get("error"),
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=time_of(row.get("started_at")),
        ended_at=time_of(row.get("ended_at")),
        snapshot=None,
        decides=frozenset(),
        performs=frozenset(),
    )


def read_event(row: dict[str, Any]) -> tuple[str, Event]:
    """An event as an exported line has it, and whose it is; raises ``KeyError`` or ``ValueError``."""
    at = datetime.fromisoformat(row["occurred_at"]).astimezone(UTC)
    return row["workflow_id"], Event(row["seq"], row["type"], row["task"], row["data"], at)
