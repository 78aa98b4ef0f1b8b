"""A small pool of prepared connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from pgworker.store.connection import WatchedConnection
from pgworker.store.database import Database

_CLIENT_SECONDS = 10.0
_WORKER_SECONDS = 3.0


@asynccontextmanager
async def open_pool(
    database: Database, application: str, *, size: int = 2, watched: bool = False
) -> AsyncIterator[AsyncConnectionPool]:
    """A pool that connects when it is first used and reconnects by itself.

    A ``watched`` one, for workers, hangs up on a database that does not answer.
    """
    seconds = _WORKER_SECONDS if watched else _CLIENT_SECONDS
    pool = AsyncConnectionPool(
        database.conninfo(),
        connection_class=WatchedConnection if watched else AsyncConnection,
        min_size=0,
        max_size=size,
        timeout=seconds,
        # The pool doubles its pauses between attempts: in the end it would sleep as long again as the
        # database was away. Having given up it begins anew when it is asked, and it is asked all the time.
        reconnect_timeout=seconds,
        open=False,
        kwargs={"autocommit": True, "application_name": f"pgworker {application}"},
        configure=database.prepare,
        check=_check,
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


async def _check(connection: AsyncConnection[Any]) -> None:
    if not isinstance(connection, WatchedConnection):
        await AsyncConnectionPool.check_connection(connection)
        return
    try:
        await connection.ping()
    except psycopg.Error:
        await connection.close()  # else the pool would offer it again
        raise
