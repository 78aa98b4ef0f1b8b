"""Leaving: activities that this worker cannot perform, and others may, are given back for a while."""

from __future__ import annotations

import asyncio
import random
import time

from pgworker.errors import DatabaseUnavailable
from pgworker.store.leases import Leases
from pgworker.store.turns import Lease
from pgworker.telemetry import log

_PAUSE_SECONDS = (0.2, 1.0)
"""How long an activity is held before it is given back: who gives it back at once claims it at once again."""

_MOST = 10_000


class Leaving:
    """Knows since when activities were left to others, as far as this worker has seen them.

    Nobody filters what a worker claims, for that would cost every claim; so they go from hand to hand until
    a worker has them who can perform them, or one has seen them for ``patience`` seconds.
    """

    def __init__(self, leases: Leases, patience: float) -> None:
        self._leases = leases
        self._patience = patience
        self._since: dict[tuple[str, int], float] = {}

    def may_leave(self, lease: Lease) -> bool:
        """Whether another worker may still turn up for it."""
        now = time.monotonic()
        if len(self._since) >= _MOST:
            self._since = {key: at for key, at in self._since.items() if now - at < 2 * self._patience}
        since = self._since.setdefault((lease.workflow_id, lease.seq), now)
        if now - since < self._patience:
            return True
        del self._since[lease.workflow_id, lease.seq]
        return False

    async def pause(self) -> None:
        """Passes before an activity is given back."""
        await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))

    async def leave(self, lease: Lease) -> None:
        """Gives it back."""
        try:
            await self._leases.release([lease])
        except DatabaseUnavailable as error:
            log.warning("an activity could not be left to others: its lease runs out", reason=error.message)
