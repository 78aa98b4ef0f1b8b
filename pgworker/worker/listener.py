"""The listener: wakes the worker when the database says that there are jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pgworker.backoff import Backoff
from pgworker.errors import DatabaseUnavailable
from pgworker.store.database import Database
from pgworker.store.listening import NotHeard, notifications
from pgworker.telemetry import log

_IN_VAIN_SECONDS = 300.0
"""The way to the database is a setting; all the same, who was only slow is given another chance."""


async def listen(database: Database, *wakes: Callable[[], None]) -> None:
    """Calls ``wakes`` at every notification, and once after every (re)connect; runs until it is cancelled.

    Where notifications cannot arrive it says so, and leaves everything to the poll.
    """
    backoff = Backoff()
    while True:
        try:
            async for _ in notifications(database):
                backoff.reset()
                for wake in wakes:
                    wake()
        except DatabaseUnavailable as error:
            pause = backoff.next()
            log.info("not listening; the poll goes on", reason=error.message, retry_in=round(pause, 2))
            await asyncio.sleep(pause)
        except NotHeard as error:
            log.warning("not listening; the poll goes on", reason=error.message, hint=error.hint)
            await asyncio.sleep(_IN_VAIN_SECONDS)
