"""The listener: wakes the worker when the database says that there are jobs."""

from __future__ import annotations

import asyncio

from pgworker.errors import DatabaseUnavailable
from pgworker.store.database import Database
from pgworker.store.listening import notifications
from pgworker.telemetry import log
from pgworker.worker.backoff import Backoff
from pgworker.worker.rest import Rest


async def listen(database: Database, rest: Rest) -> None:
    """Wakes ``rest`` at every notification, and once after every (re)connect; runs until it is cancelled."""
    backoff = Backoff()
    while True:
        try:
            async for _ in notifications(database):
                backoff.reset()
                rest.wake()
        except DatabaseUnavailable as error:
            pause = backoff.next()
            log.info("not listening; the poll goes on", reason=error.message, retry_in=round(pause, 2))
            await asyncio.sleep(pause)
