"""Patience: pauses between looks, and going on through a database that is away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pgworker.errors import DatabaseUnavailable

PATIENCE_SECONDS = 60.0
"""How long the database may be away before whoever waits gives up."""

_FIRST = 0.002
_GROWTH = 1.5

T = TypeVar("T")


class Pauses:
    """Pauses that grow from two milliseconds to ``longest`` seconds, and begin anew on ``reset``."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = _FIRST

    def reset(self) -> None:
        """Something happened: more may follow at once."""
        self._next = _FIRST

    async def take(self) -> None:
        """Sleeps for the next pause."""
        pause = self._next
        self._next = min(pause * _GROWTH, self._longest)
        await asyncio.sleep(pause)


async def patiently(call: Callable[[], Awaitable[T]], seconds: float = PATIENCE_SECONDS) -> T:
    """What ``call`` returns, called again while the database is away, for calls that change nothing.

    Raises ``DatabaseUnavailable`` if it stays away for ``seconds``.
    """
    until = asyncio.get_running_loop().time() + seconds
    pauses = Pauses(1.0)
    while True:
        try:
            return await call()
        except DatabaseUnavailable:
            if asyncio.get_running_loop().time() >= until:
                raise
        await pauses.take()
