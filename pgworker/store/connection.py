"""A connection that hangs up on a database that does not answer any more."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen

from pgworker.store.failures import is_outdated

ANSWER_SECONDS = 10.0
"""How long a worker waits for an answer. What became of the question then is read from the database later."""

_LONGEST_SECONDS = 300.0

PING_SECONDS = 4.0
"""How long it waits for an answer that needs no work."""

T = TypeVar("T")


class Patience:
    """How long all connections of a worker wait for an answer.

    Each time that none comes they wait for twice as long, until what they write is written again: a server
    that is stuck keeps the session of whoever hangs up, and must not be filled with them.
    """

    def __init__(self, seconds: float = ANSWER_SECONDS) -> None:
        self._first = seconds
        self.seconds = seconds

    def lost(self, seconds: float) -> None:
        """No answer came in so many seconds."""
        self.seconds = min(max(self.seconds, 2 * seconds), _LONGEST_SECONDS)

    def written(self) -> None:
        """Something was written."""
        self.seconds = self._first


class WatchedConnection(AsyncConnection[Any]):
    """Raises as if the database had gone when it has been silent for as long as its ``patience`` lasts.

    The kernel notices a peer that has silently gone only if nobody in between answers in its place, as
    proxies and tunnels do, and not at all one that is frozen.
    """

    patience = Patience()
    is_direct = True
    """Whether it is the server that answers, and not a pooler in between."""

    _is_ping = False
    _timer: asyncio.TimerHandle | None = None
    _asked_at: float | None = None
    _silent_for: float | None = None

    async def wait(self, gen: PQGen[T], *arguments: Any, **named: Any) -> T:
        """Waits for the database; the driver comes here whenever it does, several times in each turn."""
        loop = asyncio.get_running_loop()
        self._asked_at = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._look_every, self._look)
        try:
            return await super().wait(gen, *arguments, **named)
        except psycopg.errors.FeatureNotSupported as error:
            if is_outdated(error):
                await self.close()  # else a pool would offer it again
            raise
        except psycopg.OperationalError as error:
            if self._silent_for is None:
                raise
            if not self._is_ping:
                self.patience.lost(self._silent_for)
            raise psycopg.OperationalError(f"no answer within {self._silent_for:g} s") from error
        finally:
            self._asked_at = None

    async def ping(self) -> None:
        """Raises if the database does not answer soon, or can only be read.

        A primary that another has taken the place of may be there for long; a new connection finds the other.
        """
        self._is_ping = True
        try:
            row = await (await self.execute("show transaction_read_only")).fetchone()
        finally:
            self._is_ping = False
        if row is not None and row[0] == "on":
            raise psycopg.errors.ReadOnlySqlTransaction("the database has become read-only")

    @property
    def _seconds(self) -> float:
        return PING_SECONDS if self._is_ping else self.patience.seconds

    @property
    def _look_every(self) -> float:
        return min(1.0, self._seconds / 4)

    def _look(self) -> None:
        """Sees from time to time, for as long as something is asked, whether that was too long ago."""
        self._timer = None
        if self._asked_at is None or self._silent_for is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() - self._asked_at >= self._seconds:
            if not self._has_heard():
                self._silent_for = self._seconds
                self._hang_up()
                return
            self._asked_at = loop.time()  # it is this process that was slow
        self._timer = loop.call_later(self._look_every, self._look)

    def _has_heard(self) -> bool:
        """Whether there is something to read, or the connection has ended."""
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _hang_up(self) -> None:
        """Lets the driver find the connection closed; a cancellation would wait for an answer, too."""
        with suppress(OSError), socket.socket(fileno=os.dup(self.fileno())) as ours:
            ours.shutdown(socket.SHUT_RDWR)
