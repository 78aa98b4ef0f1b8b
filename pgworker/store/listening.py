"""Notifications: a hint that there may be jobs, never more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from psycopg import sql

from pgworker.errors import StoreRefused
from pgworker.store.database import Database, is_direct
from pgworker.store.failures import translated

CHECK_SECONDS = 10.0
"""A connection that has been silent for so long is asked whether it is still there."""


async def notifications(database: Database) -> AsyncIterator[None]:
    """One item once listening has begun, and one for each notification; ends only by an exception.

    Whoever takes the first item has to look for jobs: what was notified before it is lost. Raises
    ``StoreRefused`` where a pooler stands between: its sessions change, and nobody would hear anything.
    """
    connection = await database.connect("listener", listen=True)
    async with connection:
        with translated():
            if database.listen_url is None and not await is_direct(connection):
                raise StoreRefused(
                    "a pooler stands between this worker and the database",
                    hint="Set PGWORKER_LISTEN_URL to the database itself.",
                )
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(database.schema)))
            yield
            while True:
                async with aclosing(connection.notifies(timeout=CHECK_SECONDS)) as heard:
                    async for _ in heard:
                        yield
                await connection.ping()
