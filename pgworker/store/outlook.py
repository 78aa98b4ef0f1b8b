"""The outlook: in how many seconds, by the database's clock, there is something to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any

from psycopg import AsyncConnection

from pgworker.store.database import Database
from pgworker.store.failures import translated


@dataclass(frozen=True, slots=True)
class Outlook:
    """Seconds until a job is due that a turn takes up, a CloudEvent to be correlated, a schedule to be
    looked after; infinite where there is nothing. ``known`` is false for a worker that was forgotten."""

    work: float
    correlate: float
    schedule: float
    known: bool = True

    @property
    def soonest(self) -> float:
        """Seconds until there is anything to do."""
        return min(self.work, self.correlate, self.schedule)

    @property
    def has_round(self) -> bool:
        """Whether there is something to do now beside the turns."""
        return min(self.correlate, self.schedule) <= 0


class Lookout:
    """Looks, in one small query."""

    def __init__(self, database: Database) -> None:
        self._statement = database.statement(
            "select work_in, correlate_in, schedule_in, known from {schema}.outlook(%s, %s, %s)"
        )

    async def look(
        self,
        connection: AsyncConnection[Any],
        *,
        performs: bool = True,
        worker_id: str | None = None,
        lease: timedelta | None = None,
    ) -> Outlook:
        """What there is to do, and when; activities count if the caller ``performs`` any.

        It is a heartbeat of the worker, if one is named, that has leases for so long and none now.
        """
        with translated():
            cursor = await connection.execute(self._statement, [performs, worker_id, lease])
            row = await cursor.fetchone()
        if row is None:
            return Outlook(inf, inf, inf)
        work, correlate, schedule, known = row
        return Outlook(_seconds(work), _seconds(correlate), _seconds(schedule), known)


def _seconds(wait: timedelta | None) -> float:
    return inf if wait is None else wait.total_seconds()
