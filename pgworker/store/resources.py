"""What definitions refer to outside of themselves, as it was when it was first loaded."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from psycopg_pool import AsyncConnectionPool

from pgworker.store.arrays import quoted
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.types import JsonValue


class StoredResources:
    """Keeps resources, so that a version means the same to every worker for ever."""

    def __init__(self, database: Database, pool: AsyncConnectionPool, worker_id: str) -> None:
        self._pool = pool
        self._worker_id = worker_id
        self._keep = database.statement(
            "select {schema}.keep_resources(%s, %s, %s, %s::text[], %s::jsonb[], %s)"
        )

    async def keep(self, key: tuple[str, str, str], contents: Mapping[str, JsonValue]) -> None:
        """Keeps what was loaded for a definition, unless somebody else was quicker."""
        columns = quoted(contents), quoted([orjson.dumps(value).decode() for value in contents.values()])
        with translated():
            async with self._pool.connection() as connection:
                await connection.execute(self._keep, [*key, *columns, self._worker_id])
