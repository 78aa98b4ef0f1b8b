"""What workers do for all workflows together: correlating CloudEvents, and looking after schedules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from pgworker.engine.commands import Subscribe
from pgworker.engine.correlating import Correlation
from pgworker.engine.inputs import CloudEventArrived
from pgworker.store.arrays import plain, quoted
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.store.outlook import Lookout, Outlook
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that is to be looked after, as it stands; times are in UTC."""

    id: str
    namespace: str
    name: str
    version: str
    created_at: datetime
    next_at: datetime | None
    last_workflow_id: str | None
    last_ended_at: datetime | None
    listens: JsonObject
    subscribed: bool
    mail: Sequence[CloudEventArrived]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Where a schedule stands from now on, and the inputs of the workflows that it starts now."""

    next_at: datetime | None = None
    starts: Sequence[JsonValue] = ()
    due_at: datetime | None = None
    listens: JsonObject | None = None
    consumed: Sequence[str] = ()
    seen: int | None = None
    problem: str | None = None


class Rounds:
    """Transactions of the rounds, on connections apart from the turns'."""

    def __init__(self, database: Database, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._lookout = Lookout(database)
        self._claim_events = database.statement("select id, cloud_event from {schema}.claim_events(%s)")
        self._correlations = database.statement(
            "select id, type, keys from {schema}.correlations_for(%s::text[])"
        )
        self._correlate = database.statement(
            "select {schema}.correlate_events(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[])"
        )
        self._claim_schedules = database.statement("select * from {schema}.claim_schedules(%s)")
        self._settle = database.statement(
            "select {schema}.settle_schedule(%s::uuid, %s, %s::jsonb[], %s, %s::jsonb, %s::uuid[], %s, %s)"
        )
        self._subscribe = database.statement(
            "select {schema}.subscribe_schedule(%s::uuid, %s::integer[], %s::text[], %s::text[], %s::jsonb[],"
            " %s::text[])"
        )
        self._definition = database.statement(
            "select document from {schema}.definitions where namespace = %s and name = %s and version = %s"
        )

    async def outlook(self) -> Outlook:
        """When a CloudEvent is to be correlated, and a schedule to be looked after."""
        with translated():
            async with self._pool.connection() as connection:
                return await self._lookout.look(connection)

    async def correlate(self, batch: int, value_of: Callable[[Correlation, JsonObject], str | None]) -> int:
        """Gives CloudEvents that wait for it their values by every correlation; returns how many."""
        async with self._transaction() as connection:
            cursor = await connection.execute(self._claim_events, [batch])
            claimed: list[tuple[str, JsonObject]] = [
                (str(id_), event) for id_, event in await cursor.fetchall()
            ]
            if not claimed:
                return 0
            known: dict[str, Correlation] = {}
            values: list[tuple[str, str, str]] = []
            while not await self._correlated(connection, claimed, known, values):
                fresh = await self._fresh_correlations(connection, claimed, known)
                values.extend(
                    (event_id, id_, value)
                    for id_, correlation in fresh.items()
                    for event_id, event in claimed
                    if correlation.type in (None, event["type"])
                    and (value := value_of(correlation, event)) is not None
                )
                known |= fresh
            return len(claimed)

    async def _fresh_correlations(
        self,
        connection: AsyncConnection[Any],
        claimed: Sequence[tuple[str, JsonObject]],
        known: dict[str, Correlation],
    ) -> dict[str, Correlation]:
        types = sorted({str(event["type"]) for _, event in claimed})
        cursor = await connection.execute(self._correlations, [quoted(types)])
        return {
            id_: Correlation(type_, tuple(keys))
            for id_, type_, keys in await cursor.fetchall()
            if id_ not in known
        }

    async def _correlated(
        self,
        connection: AsyncConnection[Any],
        claimed: Sequence[tuple[str, JsonObject]],
        known: dict[str, Correlation],
        values: Sequence[tuple[str, str, str]],
    ) -> bool:
        """Writes the values; false if somebody has begun to listen in a way that is not among ``known``."""
        cursor = await connection.execute(
            self._correlate,
            [
                plain(event_id for event_id, _ in claimed),
                plain(known),
                plain(event_id for event_id, _, _ in values),
                plain(id_ for _, id_, _ in values),
                plain(value for _, _, value in values),
            ],
        )
        row = await cursor.fetchone()
        return row is not None and row[0] is True

    async def look_after(
        self,
        batch: int,
        settle: Callable[[DueSchedule, JsonObject], tuple[Settlement, Sequence[Subscribe]]],
    ) -> int:
        """Settles schedules that are due, each by its definition; returns how many."""
        async with self._transaction() as connection:
            cursor = await connection.execute(self._claim_schedules, [batch])
            due = [_schedule(*row) for row in await cursor.fetchall()]
            for schedule in due:
                cursor = await connection.execute(
                    self._definition, [schedule.namespace, schedule.name, schedule.version]
                )
                row = await cursor.fetchone()
                settlement, subscriptions = settle(schedule, {} if row is None else row[0])
                if subscriptions:
                    await connection.execute(self._subscribe, _subscription_columns(schedule, subscriptions))
                await connection.execute(self._settle, _settlement_columns(schedule, settlement))
            return len(due)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection[Any]]:
        with translated():
            async with self._pool.connection() as connection, connection.transaction():
                yield connection


def _schedule(*row: Any) -> DueSchedule:
    *columns, listens, subscribed, mail, now = row
    id_, namespace, name, version, created_at, next_at, last_workflow_id, last_ended_at = columns
    return DueSchedule(
        str(id_),
        namespace,
        name,
        version,
        created_at.astimezone(UTC),
        None if next_at is None else next_at.astimezone(UTC),
        None if last_workflow_id is None else str(last_workflow_id),
        None if last_ended_at is None else last_ended_at.astimezone(UTC),
        listens or {},
        subscribed,
        [CloudEventArrived(*letter) for letter in mail or ()],
        now.astimezone(UTC),
    )


def _subscription_columns(schedule: DueSchedule, subscriptions: Sequence[Subscribe]) -> list[str]:
    return [
        schedule.id,
        plain(wanted.filter for wanted in subscriptions),
        plain(wanted.correlation for wanted in subscriptions),
        quoted([wanted.type for wanted in subscriptions]),
        quoted([orjson.dumps(wanted.keys).decode() for wanted in subscriptions]),
        plain(wanted.value for wanted in subscriptions),
    ]


def _settlement_columns(schedule: DueSchedule, settlement: Settlement) -> list[Any]:
    listens = settlement.listens
    return [
        schedule.id,
        settlement.next_at,
        quoted([orjson.dumps(value).decode() for value in settlement.starts]),
        settlement.due_at,
        None if listens is None else orjson.dumps(listens).decode(),
        plain(settlement.consumed),
        settlement.seen,
        settlement.problem,
    ]
