"""The keeper: heartbeats that keep leases alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pgworker.backoff import Backoff
from pgworker.errors import DatabaseUnavailable
from pgworker.store.leases import Leases
from pgworker.telemetry import log
from pgworker.worker.performer import Performer
from pgworker.worker.rest import Rest

_BEATS_PER_LEASE = 3


async def keep(
    leases: Leases, performer: Performer, rest: Rest, lease_seconds: float, forgotten: Callable[[], None]
) -> None:
    """Beats until it is cancelled; calls ``forgotten`` when the others have taken this worker for dead.

    A worker that rests and holds nothing beats by its polls.
    """
    pause = lease_seconds / _BEATS_PER_LEASE
    backoff = Backoff()
    while True:
        await asyncio.sleep(pause)
        pause = lease_seconds / _BEATS_PER_LEASE
        if performer.is_empty and rest.has_beaten_within(pause):
            continue
        try:
            known, lost = await leases.beat(performer.held(), performer.advances())
            performer.lost(lost)
            if not known:
                forgotten()
            backoff.reset()
        except DatabaseUnavailable as error:
            log.warning("no heartbeat", reason=error.message)
            pause = min(pause, backoff.next())  # the leases run out
