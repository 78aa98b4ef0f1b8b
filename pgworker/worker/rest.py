"""Rest: when there is nothing to do, and how a worker comes to know that there is something again."""

from __future__ import annotations

import asyncio
import random

from pgworker.store.turns import TurnConnection
from pgworker.worker.performer import Performer

_BUSY_STREAK = 20
"""After so many turns in a row a worker says that it need not be notified."""

_SECOND_LOOK = 0.05
_WHILE_PERFORMING = 0.02
_LOOKS_WHILE_PERFORMING = 5
"""Calls are short as a rule: so often a worker waits for theirs to end before it declares itself idle."""

_SOMEBODY_ELSES = 0.1


class Rest:
    """Decides how long a worker sleeps, and whether others are told to wake it.

    As long as a worker has declared itself idle, whoever adds a job notifies it. Declared so *before* it
    looks for jobs a last time, it misses none but those whose transactions had looked before and commit
    after; the second look and the poll find these.
    """

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._awake = asyncio.Event()
        self.begin()

    def begin(self) -> None:
        """A new connection: the database knows nothing of this worker's sleep."""
        self._declared_idle = False
        self._streak = 0
        self._looks = 0

    @property
    def is_declared(self) -> bool:
        """Whether this worker has asked to be notified."""
        return self._declared_idle

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    async def worked(self, connection: TurnConnection) -> None:
        """There was something to do; after a while of that nobody needs to tell."""
        self._streak += 1
        self._looks = 0
        if self._declared_idle and self._streak > _BUSY_STREAK:
            await connection.declare_idle(False)
            self._declared_idle = False

    async def take(self, connection: TurnConnection, performer: Performer) -> None:
        """Sleeps until something may be to do."""
        self._streak = 0
        longest = performer.seconds_to_next_offer()
        if not self._declared_idle:
            await self._lie_down(connection, performer)
            return
        self._looks += 1
        if self._looks == 1:
            await self._sleep(min(_SECOND_LOOK, longest))
            return
        poll = self._poll_seconds * random.uniform(0.8, 1.0)  # not in step with others
        due = await connection.seconds_to_next_job(performs=performer.free > 0)
        if due is not None:
            # what is due now and was not claimed is held by somebody else, who will be done soon
            longest = min(longest, due + 0.001 if due > 0 else _SOMEBODY_ELSES)
        await self._sleep(min(poll, longest))

    async def _lie_down(self, connection: TurnConnection, performer: Performer) -> None:
        """Declares the worker idle, unless it will have something to do in a moment."""
        if not performer.is_empty and self._looks < _LOOKS_WHILE_PERFORMING:
            self._looks += 1
            await self._sleep(_WHILE_PERFORMING)
            return
        await connection.declare_idle(True)
        self._declared_idle = True
        self._looks = 0  # look once more: only what comes from now on is sure to be told

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return
        finally:
            self._awake.clear()
