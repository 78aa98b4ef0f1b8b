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
    looked after; infinite where there is nothing."""

    work: float
    correlate: float
    schedule: float

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
            "select work_in, correlate_in, schedule_in from {schema}.outlook(%s)"
        )

    async def look(self, connection: AsyncConnection[Any], *, performs: bool = True) -> Outlook:
        """What there is to do, and when; activities count if the caller ``performs`` any."""
        with translated():
            cursor = await connection.execute(self._statement, [performs])
            row = await cursor.fetchone()
        return Outlook(inf, inf, inf) if row is None else Outlook(*map(_seconds, row))


def _seconds(wait: timedelta | None) -> float:
    return inf if wait is None else wait.total_seconds()
