"""A database with the engine's schema in it: how to connect, and how statements name the schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, LiteralString

import orjson
from psycopg import AsyncConnection, sql
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_loads

from pgworker.store import arrays, calendar
from pgworker.store.connection import Patience, WatchedConnection
from pgworker.store.failures import translated

_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    # a peer that has silently gone is noticed within 15 seconds, not within the system's two hours
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

_SESSION: LiteralString = """
    select pg_backend_pid() = %(pid)s,
           set_config('timezone', 'UTC', false),
           -- the server notices it too: else the locks of a worker whose host has vanished stay for hours
           case when pg_backend_pid() = %(pid)s then set_config('tcp_keepalives_idle', '5', false) end,
           case when pg_backend_pid() = %(pid)s then set_config('tcp_keepalives_interval', '3', false) end,
           case when pg_backend_pid() = %(pid)s then set_config('tcp_keepalives_count', '3', false) end,
           case when pg_backend_pid() = %(pid)s then set_config('tcp_user_timeout', '15000', false) end
"""
"""A pooler answers a new connection itself, and names a process that is not the server's: the session behind
it is others' as well. Poolers carry the time zone from one session to the next for each of their clients."""


class _TextLoader(Loader):
    """Leaves a value as the text that the database sent."""

    def load(self, data: bytes | bytearray | memoryview) -> str:
        return bytes(data).decode()


@dataclass(frozen=True, slots=True)
class Database:
    """Where the engine's schema lives: a connection string and the schema's name."""

    url: str
    schema: str = "pgworker"
    listen_url: str | None = field(default=None)
    patience: Patience = field(default_factory=Patience, compare=False)

    async def connect(self, application: str, *, listen: bool = False) -> WatchedConnection:
        """A new connection in autocommit mode; raises ``DatabaseUnavailable``.

        UUIDs are read as texts, JSON as plain values, and times come in UTC.
        """
        with translated():
            connection = await WatchedConnection.connect(
                self.conninfo(listen=listen), autocommit=True, application_name=f"pgworker {application}"
            )
            await self.prepare(connection)
        return connection

    async def prepare(self, connection: AsyncConnection[Any]) -> None:
        """Makes a fresh connection read, write and wait the way this package expects."""
        connection.adapters.register_loader("uuid", _TextLoader)
        set_json_loads(json_value, connection)
        arrays.register(connection)
        calendar.register(connection)
        pid = connection.info.backend_pid
        cursor = await connection.execute(_SESSION, {"pid": pid}, prepare=False)
        row = await cursor.fetchone()
        is_direct = row is not None and bool(row[0])
        # what is prepared in one session of a pooler's is missing in the next, or something else there
        connection.prepare_threshold = 1 if is_direct else None
        if isinstance(connection, WatchedConnection):
            connection.patience = self.patience
            connection.is_direct = is_direct

    def conninfo(self, *, listen: bool = False) -> str:
        """The connection string, with time-outs where it sets none."""
        url = (self.listen_url or self.url) if listen else self.url
        with translated():
            return make_conninfo(url, **(_DEFAULTS | conninfo_to_dict(url)))

    def statement(self, text: LiteralString) -> sql.Composed:
        """A statement with ``{schema}`` filled in, to be executed with parameters, be they none.

        The driver takes a percent sign for the beginning of a parameter wherever it stands.
        """
        return sql.SQL(text).format(schema=sql.Identifier(self.schema.replace("%", "%%")))


def json_value(text: bytes | str) -> Any:
    """A JSON value as a plain one; a slow reader takes what the quick one refuses (1e400 is infinite)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
