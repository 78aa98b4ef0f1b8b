"""Rest: when there is nothing to do, and how a worker comes to know that there is something again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from math import inf

from pgworker.store.turns import TurnConnection
from pgworker.worker.performer import Performer

_BUSY_STREAK = 20
"""After so many turns in a row a worker says that it need not be notified."""

_SECOND_LOOK = 0.05
_WHILE_PERFORMING = 0.02
_LOOKS_WHILE_PERFORMING = 5
"""Calls are short as a rule: so often a worker waits for theirs to end before it declares itself idle."""

_SOMEBODY_ELSES = 0.1
_MARGIN = 0.001


class Rest:
    """Decides how long a worker sleeps, and whether others are told to wake it.

    As long as a worker has declared itself idle, whoever adds a job notifies it. Declared so *before* it
    looks for jobs a last time, it misses none but those whose transactions had looked before and commit
    after; the second look and the poll find these. While it sleeps, a poll is one small query.
    """

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._awake = asyncio.Event()
        self._rounds: Callable[[], None] = self._awake.set
        self._beaten_at = -inf
        self.begin()

    def begin(self) -> None:
        """A new connection: the database knows nothing of this worker's sleep."""
        self._declared_idle = False
        self._streak = 0
        self._looks = 0
        self._in_vain = False
        self._rounds()

    def look_out_for(self, rounds: Callable[[], None]) -> None:
        """Calls ``rounds`` when there is something to do beside the turns, or when nobody tells of it."""
        self._rounds = rounds

    @property
    def is_declared(self) -> bool:
        """Whether this worker has asked to be notified."""
        return self._declared_idle

    def has_beaten_within(self, seconds: float) -> bool:
        """Whether the worker has shown itself so recently by looking for something to do."""
        return asyncio.get_running_loop().time() - self._beaten_at < seconds

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    async def worked(self, connection: TurnConnection) -> None:
        """There was something to do; after a while of that nobody needs to tell."""
        self._streak += 1
        self._looks = 0
        self._in_vain = False
        if self._declared_idle and self._streak > _BUSY_STREAK:
            await connection.declare_idle(False)
            self._declared_idle = False
            self._rounds()

    async def take(self, connection: TurnConnection, performer: Performer) -> None:
        """Sleeps until something may be to do."""
        self._streak = 0
        if not self._declared_idle:
            await self._lie_down(connection, performer)
            return
        self._looks += 1
        if self._looks == 1:
            await self._sleep(min(_SECOND_LOOK, performer.seconds_to_next_offer()))
            return
        while await self._doze(connection, performer):
            pass

    async def _lie_down(self, connection: TurnConnection, performer: Performer) -> None:
        """Declares the worker idle, unless it will have something to do in a moment."""
        if not performer.is_empty and self._looks < _LOOKS_WHILE_PERFORMING:
            self._looks += 1
            await self._sleep(_WHILE_PERFORMING)
            return
        await connection.declare_idle(True)
        self._declared_idle = True
        self._looks = 0  # look once more: only what comes from now on is sure to be told

    async def _doze(self, connection: TurnConnection, performer: Performer) -> bool:
        """Looks once, and sleeps as long as there is nothing to do; whether to go on sleeping after that."""
        beats = performer.is_empty
        outlook = await connection.outlook(performs=performer.free > 0, beats=beats)
        if beats and outlook.known:
            self._beaten_at = asyncio.get_running_loop().time()
        if outlook.has_round:
            self._rounds()
        if outlook.work <= 0:
            if self._in_vain:  # claimed since it was due, and not got: who holds it will be done soon
                await self._sleep(_SOMEBODY_ELSES)
            self._in_vain = True
            return False
        self._in_vain = False
        poll = self._poll_seconds * random.uniform(1.1, 1.2)  # not in step with others
        pause = min(poll, (outlook.work if outlook.has_round else outlook.soonest) + _MARGIN)
        told = await self._sleep(min(pause, performer.seconds_to_next_offer()))
        return not told and performer.seconds_to_next_offer() > 0

    async def _sleep(self, seconds: float) -> bool:
        """Sleeps for so long, or until woken, which is what it returns."""
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return False
        finally:
            self._awake.clear()
        return True
