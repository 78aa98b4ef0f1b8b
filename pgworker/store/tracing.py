"""What traces need that a worker may not have seen itself: who is whose child, and when tasks began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from pgworker.store.arrays import plain
from pgworker.store.database import Database
from pgworker.store.failures import translated

_ORIGINS: LiteralString = """
    with recursive up as (
        select w.id as of, w.id, w.parent_id, w.labels, 0 as depth
        from {schema}.workflows w where w.id = any (%s::uuid[])
        union all
        select u.of, p.id, p.parent_id, p.labels, u.depth + 1
        from up u join {schema}.workflows p on p.id = u.parent_id where u.depth < 100)
    select distinct on (u.of) u.of, u.id, u.labels ->> 'traceparent', w.parent_id, w.parent_seq
    from up u join {schema}.workflows w on w.id = u.of
    order by u.of, u.depth desc
"""
_BEGINNINGS: LiteralString = """
    select e.workflow_id, e.seq, e.occurred_at,
           coalesce((e.data ->> case e.type when 'branch.started' then 'start' else 'in' end)::bigint, 0)
    from unnest(%s::uuid[], %s::bigint[]) as u (workflow_id, seq)
    join {schema}.events e on e.workflow_id = u.workflow_id and e.seq = u.seq
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a workflow comes from: the first of its ancestors (itself, if it has none), and its parent.

    ``traceparent`` is the label of that first one; ``parent_seq`` is the event by which the parent began it.
    """

    root: str
    traceparent: str | None
    parent: str | None
    parent_seq: int | None


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a task, a branch or an extension began, and in which of those."""

    at: datetime
    inside: int


class OriginReader:
    """Reads origins on whatever connection it is given."""

    def __init__(self, database: Database) -> None:
        self._origins = database.statement(_ORIGINS)

    async def read(
        self, connection: AsyncConnection[Any], workflow_ids: Iterable[str]
    ) -> Mapping[str, Origin]:
        """Where workflows come from; those that are not there are left out."""
        cursor = await connection.execute(self._origins, [plain(workflow_ids)])
        return {of: Origin(*rest) for of, *rest in await cursor.fetchall()}


class Tracing:
    """Reads for who makes traces."""

    def __init__(self, database: Database, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._origins = OriginReader(database)
        self._beginnings = database.statement(_BEGINNINGS)

    async def origins(self, workflow_ids: Iterable[str]) -> Mapping[str, Origin]:
        """Where workflows come from; those that are not there are left out."""
        with translated():
            async with self._pool.connection() as connection:
                return await self._origins.read(connection, workflow_ids)

    async def beginnings(self, keys: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], Beginning]:
        """When what these events started began."""
        wanted = list(keys)
        parameters = [plain(key[0] for key in wanted), plain(key[1] for key in wanted)]
        with translated():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(self._beginnings, parameters)
                return {
                    (workflow_id, seq): Beginning(at.astimezone(UTC), frame)
                    for workflow_id, seq, at, frame in await cursor.fetchall()
                }
