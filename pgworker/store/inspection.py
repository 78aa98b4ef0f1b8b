"""Inspection: whole stretches of the database, each as of one moment, for whoever checks them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection, sql
from psycopg.abc import Params

from pgworker.engine.events import Event
from pgworker.store.connection import Patience, WatchedConnection
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.types import JsonObject, JsonValue

_ANSWER_SECONDS = 300.0

LEAST = "00000000-0000-0000-0000-000000000000"
GREATEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_BEGIN: LiteralString = "begin isolation level repeatable read read only"
_COUNT: LiteralString = "select count(*) from {schema}.workflows"
_STRETCH: LiteralString = """
    select (array_agg(id order by id desc))[1] from (
        select id, sum(last_seq) over (order by id) - last_seq as events_before
        from (select id, last_seq from {schema}.workflows where id between %(first)s and %(last)s
              order by id limit %(workflows)s) w) s
    where events_before < %(events)s
"""
_PROBLEMS: LiteralString = """
    select problem, workflow_id, detail from {schema}.check_workflows(%(first)s, %(last)s)
"""
_SHARED: LiteralString = "select problem, workflow_id, detail from {schema}.check_database()"
_CORRELATIONS: LiteralString = "select id, type, keys from {schema}.correlations"
_SCHEDULES: LiteralString = """
    select s.id, s.next_at, clock_timestamp(), d.document from {schema}.schedules s
    join {schema}.definitions d on d.namespace = s.namespace and d.name = s.name and d.version = s.version
    where s.next_at is not null
"""
_ROWS: LiteralString = """
    select w.id, w.status, w.input, w.output, w.error, w.created_at, w.started_at, w.ended_at,
           s.seq, s.format, s.state, s.digest,
           coalesce(j.decides, '{{}}'), coalesce(j.performs, '{{}}')
    from {schema}.workflows w
    left join {schema}.snapshots s on s.workflow_id = w.id
    left join lateral (
        select array_agg(j.seq) filter (where j.kind in ('decide', 'held decide')) as decides,
               array_agg(j.seq) filter (where j.kind in ('perform', 'held perform')) as performs
        from {schema}.jobs j where j.workflow_id = w.id) j on true
    where w.id between %(first)s and %(last)s
    order by w.id
"""
_EVENTS: LiteralString = """
    select workflow_id, seq, type, task, data, occurred_at from {schema}.events
    where workflow_id between %(first)s and %(last)s
    order by workflow_id, seq
"""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that must not be: what, of which workflow (or other owner of rows, if any), and where."""

    problem: str
    workflow_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """A snapshot as it is stored."""

    seq: int
    format: int
    state: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A workflow's row, its snapshot and the seqs of its jobs, by kind, those that are held as well."""

    id: str
    status: str
    input: JsonValue
    output: JsonValue
    error: JsonObject | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    snapshot: KeptSnapshot | None
    decides: frozenset[int]
    performs: frozenset[int]


class _Looking:
    """A connection that asks within one transaction; raises ``DatabaseUnavailable``."""

    def __init__(self, database: Database, connection: AsyncConnection[Any]) -> None:
        self._database = database
        self._connection = connection

    async def _rows(self, text: LiteralString, parameters: Params = ()) -> list[Any]:
        with translated():
            cursor = await self._connection.execute(self._database.statement(text), parameters)
            return await cursor.fetchall()

    async def _stream(self, text: LiteralString, parameters: Params = ()) -> AsyncIterator[Any]:
        with translated():
            async with self._connection.cursor() as cursor:
                async for row in cursor.stream(self._database.statement(text), parameters, size=500):
                    yield row


class Stretch(_Looking):
    """The workflows from one id to another, all as of the same moment."""

    def __init__(self, database: Database, connection: AsyncConnection[Any], first: str, last: str) -> None:
        super().__init__(database, connection)
        self._bounds = {"first": first, "last": last}

    async def flaws(self) -> list[Flaw]:
        """What the database's own checks find."""
        return [Flaw(*row) for row in await self._rows(_PROBLEMS, self._bounds)]

    async def standings(self) -> list[Standing]:
        """The rows, in the order of their ids."""
        return [_standing(*row) for row in await self._rows(_ROWS, self._bounds)]

    async def events(self) -> AsyncIterator[tuple[str, Event]]:
        """Their events, in the order of ids and seqs, each with its workflow's id."""
        async for workflow_id, seq, type_, task, data, at in self._stream(_EVENTS, self._bounds):
            yield workflow_id, Event(seq, type_, task, data, at.astimezone(UTC))


class Shared(_Looking):
    """What workflows share, as of one moment."""

    async def flaws(self) -> list[Flaw]:
        """What the database's own checks find."""
        return [Flaw(*row) for row in await self._rows(_SHARED)]

    def correlations(self) -> AsyncIterator[tuple[str, str | None, list[str]]]:
        """The id, the type and the keys of each."""
        return self._stream(_CORRELATIONS)

    def schedules(self) -> AsyncIterator[tuple[str, datetime, datetime, JsonObject]]:
        """Of each schedule that is due at a time: its id, that time, the time now, and the document."""
        return self._stream(_SCHEDULES)


class Inspection:
    """Walks over a database that may be in use; it takes no locks that anybody would notice.

    A stretch ends after about ``events`` events, so that memory stays bounded whatever there is.
    """

    def __init__(self, database: Database, *, events: int = 20_000, workflows: int = 1000) -> None:
        self._database = database
        self._events = events
        self._workflows = workflows

    async def count(self) -> int:
        """How many workflows there are."""
        with translated():
            async with await self._connect() as connection:
                row = await (await connection.execute(self._statement(_COUNT), ())).fetchone()
        return 0 if row is None else int(row[0])

    async def stretches(self) -> AsyncGenerator[Stretch, None]:
        """One stretch after the other, from the least id to the greatest; together they leave no gap."""
        async with await self._connect() as connection:
            last = None
            while last != GREATEST:
                first = LEAST if last is None else str(UUID(int=UUID(last).int + 1))
                async with self._moment(connection):
                    last = await self._next(connection, first)
                    yield Stretch(self._database, connection, first, last)

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[Shared]:
        """What does not belong to a single workflow."""
        async with await self._connect() as connection, self._moment(connection):
            yield Shared(self._database, connection)

    @asynccontextmanager
    async def only(self, workflow_id: str) -> AsyncIterator[Stretch]:
        """One workflow alone."""
        async with await self._connect() as connection, self._moment(connection):
            yield Stretch(self._database, connection, workflow_id, workflow_id)

    async def _connect(self) -> WatchedConnection:
        connection = await self._database.connect("verify")
        connection.patience = Patience(_ANSWER_SECONDS)  # a check looks at much at once
        return connection

    async def _next(self, connection: AsyncConnection[Any], first: str) -> str:
        asked = {"first": first, "last": GREATEST, "workflows": self._workflows, "events": self._events}
        row = await (await connection.execute(self._statement(_STRETCH), asked)).fetchone()
        return GREATEST if row is None or row[0] is None else str(row[0])

    @asynccontextmanager
    async def _moment(self, connection: AsyncConnection[Any]) -> AsyncIterator[None]:
        """A transaction that sees the database as it is now."""
        with translated():
            await connection.execute(_BEGIN)
            yield
            await connection.execute("rollback")

    def _statement(self, text: LiteralString) -> sql.Composed:
        return self._database.statement(text)


def _standing(*row: Any) -> Standing:
    (
        id_, status, input_, output, error, created_at, started_at, ended_at,
        seq, format_, state, digest, decides, performs,
    ) = row  # fmt: skip
    snapshot = None if seq is None else KeptSnapshot(seq, format_, state, digest)
    return Standing(
        id_, status, input_, output, error, created_at, started_at, ended_at,
        snapshot, frozenset(decides), frozenset(performs),
    )  # fmt: skip
