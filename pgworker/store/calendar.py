"""Times that PostgreSQL has and Python has not, infinite ones and those of other years."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)

_TIMESTAMPTZ: Final = psycopg.adapters.types["timestamptz"].oid


class _TimeLoader(Loader):
    """The driver's own, with the nearest time that there is for one that it refuses."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        own = psycopg.adapters.get_loader(oid, Format.TEXT)
        assert own is not None
        self._load = own(oid, context).load

    def load(self, data: Buffer) -> Any:
        try:
            return self._load(data)
        except psycopg.DataError:
            text = bytes(data)
            return EARLIEST if text.startswith(b"-") or text.endswith(b"BC") else LATEST


def register(connection: AsyncConnection[Any]) -> None:
    """Has the connection read every time."""
    connection.adapters.register_loader(_TIMESTAMPTZ, _TimeLoader)
