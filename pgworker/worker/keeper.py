"""The keeper: heartbeats that keep leases alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pgworker.errors import DatabaseUnavailable
from pgworker.store.leases import Leases
from pgworker.telemetry import log
from pgworker.worker.performer import Performer

_BEATS_PER_LEASE = 3


async def keep(
    leases: Leases, performer: Performer, lease_seconds: float, forgotten: Callable[[], None]
) -> None:
    """Beats until it is cancelled; calls ``forgotten`` when the others have taken this worker for dead."""
    while True:
        await asyncio.sleep(lease_seconds / _BEATS_PER_LEASE)
        try:
            known, lost = await leases.beat(performer.held())
            performer.lost(lost)
            if not known:
                forgotten()
        except DatabaseUnavailable as error:
            log.warning("no heartbeat", reason=error.message)
