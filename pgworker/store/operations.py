"""Operations: what operators look at and clean up, as rows of the views and functions made for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, LiteralString, NamedTuple, TypeAlias

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from pgworker.errors import NotFound
from pgworker.store.database import Database
from pgworker.store.failures import translated

Row: TypeAlias = Mapping[str, Any]
"""Columns by their names, as the view or function has them."""

View = Literal["waiting", "failures", "health", "schedules"]

_VIEWS: dict[View, LiteralString] = {
    "waiting": "select * from {schema}.waiting order by since limit %(limit)s",
    "failures": "select * from {schema}.failures order by last_at desc limit %(limit)s",
    "health": "select * from {schema}.health limit %(limit)s",
    "schedules": (
        "select namespace, name, version, next_at, last_at, runs, schedule, problem, last_workflow_id, id"
        " from {schema}.schedules order by namespace, name limit %(limit)s"
    ),
}
_AT: LiteralString = (
    "select max(seq) as seq from {schema}.events where workflow_id = %(id)s and occurred_at <= %(at)s"
)
_STATE: LiteralString = "select * from {schema}.state_at(%(id)s, %(seq)s)"
_LAST_SEQ = 2**63 - 1
_TIMELINE: LiteralString = "select * from {schema}.timeline(%(id)s, %(width)s)"
_PURGE: LiteralString = (
    "select workflows, cloud_events from {schema}.purge_ended(%(age)s, %(statuses)s, %(batch)s)"
)


class Purged(NamedTuple):
    """How much a purge removed at a time."""

    workflows: int
    cloud_events: int


class Operations:
    """Reads the views for operators, travels in time, and purges."""

    def __init__(self, database: Database, pool: AsyncConnectionPool) -> None:
        self._database = database
        self._pool = pool

    async def view(self, name: View, limit: int) -> Sequence[Row]:
        """The rows of a view."""
        return await self._rows(_VIEWS[name], {"limit": limit})

    async def clock_ahead(self) -> timedelta:
        """How far the database's clock is ahead of this one, beyond what an answer takes."""
        before = datetime.now(UTC)
        (row,) = await self._rows("select clock_timestamp() as now", {})
        after = datetime.now(UTC)
        now: datetime = row["now"]
        return now - after if now > after else min(now - before, timedelta())

    async def state_at(self, workflow_id: str, at: int | datetime | None) -> Sequence[Row]:
        """Every task of a workflow as history stood after an event, or at a time; raises ``NotFound``."""
        return await self._rows(_STATE, {"id": workflow_id, "seq": await self.number(workflow_id, at)})

    async def number(self, workflow_id: str, at: int | datetime | None) -> int | None:
        """The last event of a workflow at a time, which is local if it does not say; raises ``NotFound``.

        What is a number already, or nothing, stays so.
        """
        if not isinstance(at, datetime):
            return at if at is None else min(at, _LAST_SEQ)
        (row,) = await self._rows(_AT, {"id": workflow_id, "at": at.astimezone()})
        if row["seq"] is None:
            raise NotFound(f"there was no workflow {workflow_id} at {at.astimezone().isoformat()}")
        return int(row["seq"])

    async def timeline(self, workflow_id: str, width: int) -> Sequence[Row]:
        """A Gantt chart of a workflow's tasks; raises ``NotFound``."""
        return await self._rows(_TIMELINE, {"id": workflow_id, "width": width})

    async def purge(self, older_than: timedelta, statuses: Collection[str], batch: int) -> Purged:
        """Removes up to a batch of workflows that ended so long ago, and one of CloudEvents."""
        parameters = {"age": older_than, "statuses": list(statuses), "batch": batch}
        (row,) = await self._rows(_PURGE, parameters)
        return Purged(**row)

    async def _rows(self, statement: LiteralString, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        with translated():
            async with (
                self._pool.connection() as connection,
                connection.cursor(row_factory=dict_row) as cursor,
            ):
                # never prepared: a migration may give a view more columns
                await cursor.execute(self._database.statement(statement), parameters, prepare=False)
                return await cursor.fetchall()
