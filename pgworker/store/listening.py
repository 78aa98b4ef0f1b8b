"""Notifications: a hint that there may be jobs, never more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import uuid4

from psycopg import sql

from pgworker.errors import PgworkerError
from pgworker.store.connection import WatchedConnection
from pgworker.store.database import Database
from pgworker.store.failures import translated

CHECK_SECONDS = 10.0
"""A connection that has been silent for so long is asked whether it is still there."""

_PROBE_SECONDS = 2.0
_PROBE = "pgworker_probe"


class NotHeard(PgworkerError):
    """Nothing that is notified arrives: a pooler gives the session away, or it is of another database."""


async def notifications(database: Database) -> AsyncIterator[None]:
    """One item once listening has begun, and one for each notification; ends only by an exception.

    Whoever takes the first item has to look for jobs: what was notified before it is lost. Raises
    ``DatabaseUnavailable``, and ``NotHeard`` behind a pooler of transactions.
    """
    connection = await database.connect("listener", listen=True)
    async with connection:
        with translated():
            if not connection.is_direct or database.listen_url is not None:
                await _prove(database, connection)
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(database.schema)))
            yield
            while True:
                async with aclosing(connection.notifies(timeout=CHECK_SECONDS)) as heard:
                    async for _ in heard:
                        yield
                await connection.ping()


async def prove_listening(database: Database) -> None:
    """Raises ``NotHeard`` if workers would listen in vain, and ``DatabaseUnavailable``."""
    connection = await database.connect("check", listen=True)
    async with connection:
        with translated():
            if not connection.is_direct or database.listen_url is not None:
                await _prove(database, connection)


async def _prove(database: Database, connection: WatchedConnection) -> None:
    """Has itself notified: a pooler of sessions delivers that, and the database only if it is the same.

    It is sent on another connection, while this one is in no transaction: then nobody else's session can
    bring it. A pooled session may go on listening to the probe's channel; its owners are never notified of
    jobs by that.
    """
    word = uuid4().hex
    await connection.execute(sql.SQL("listen {}").format(sql.Identifier(_PROBE)))
    async with await database.connect("probe") as other:
        await other.execute("select pg_notify(%s, %s)", [_PROBE, word])
    if not await _hears(connection, word):
        raise NotHeard(
            "notifications do not arrive on the connection that listens",
            hint="Set PGWORKER_LISTEN_URL to the same database, directly or through a pool of sessions.",
        )
    await connection.execute(sql.SQL("unlisten {}").format(sql.Identifier(_PROBE)))


async def _hears(connection: WatchedConnection, word: str) -> bool:
    async with aclosing(connection.notifies(timeout=_PROBE_SECONDS)) as heard:
        async for notice in heard:
            if notice.payload == word:
                return True
    return False
