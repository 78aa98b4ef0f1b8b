"""A small pool of prepared connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool

from pgworker.store.database import Database, prepare_connection


@asynccontextmanager
async def open_pool(
    database: Database, application: str, *, size: int = 2
) -> AsyncIterator[AsyncConnectionPool]:
    """A pool that connects when it is first used and reconnects by itself."""
    pool = AsyncConnectionPool(
        database.url,
        min_size=0,
        max_size=size,
        timeout=10,
        open=False,
        kwargs={"autocommit": True, "application_name": f"pgworker {application}"},
        configure=prepare_connection,
        check=AsyncConnectionPool.check_connection,
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()
