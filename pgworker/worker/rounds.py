"""Rounds: what a worker does beside its turns, for all workflows together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pgworker.backoff import Backoff
from pgworker.engine.commands import Subscribe
from pgworker.engine.correlating import Correlation
from pgworker.errors import DatabaseUnavailable, PgworkerError, StoreRefused
from pgworker.store.rounds import DueSchedule, Rounds, Settlement
from pgworker.telemetry import log
from pgworker.types import JsonObject
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.rest import Rest
from pgworker.worker.scheduler import Scheduler

_EVENTS = 200
_SCHEDULES = 20
_UNTOLD = 0.02
"""As long as the worker has turns to make nobody notifies it, so it looks by itself."""

_AGAIN_SECONDS = 0.05
"""A schedule of which one expression did not end is given up: its others are not waited for."""

_LONGEST = 60.0
"""While the worker sleeps it looks out for rounds as well, and wakes them."""


class Walker:
    """Correlates CloudEvents and looks after schedules whenever there are any, until it is cancelled."""

    def __init__(self, rounds: Rounds, rest: Rest, watch: DecisionWatch) -> None:
        self._rounds = rounds
        self._rest = rest
        self._watch = watch
        self._scheduler = Scheduler()
        self._endless: set[str] = set()
        self._awake = asyncio.Event()
        rest.look_out_for(self.wake)

    def wake(self) -> None:
        """There may be something to do."""
        self._awake.set()

    async def run(self) -> None:
        """Goes round after round."""
        backoff = Backoff()
        while True:
            try:
                await self._sleep(await self._round())
                backoff.reset()
            except (DatabaseUnavailable, StoreRefused) as error:
                pause = backoff.next()
                log.warning("a round was broken off", reason=error.message, retry_in=round(pause, 2))
                await asyncio.sleep(pause)

    async def _round(self) -> float:
        """Does what there is to do; returns in how many seconds there is more."""
        self._awake.clear()
        outlook = await self._rounds.outlook()
        worked = 0
        if outlook.correlate <= 0:
            worked += await self._rounds.correlate(_EVENTS, self._value_of)
        if outlook.schedule <= 0:
            worked += await self._rounds.look_after(_SCHEDULES, self._settle)
        if worked:
            self._rest.wake()
            return 0
        if outlook.has_round:
            return _UNTOLD  # what is due is in other hands
        return min(outlook.correlate, outlook.schedule, _LONGEST)

    def _value_of(self, correlation: Correlation, cloud_event: JsonObject) -> str | None:
        """The value of a CloudEvent; none for ever by a correlation whose expressions do not end."""
        if correlation.id in self._endless:
            return None
        before = self._watch.interruptions
        with self._watch.over("correlation"):
            value = correlation.value_of(cloud_event)
        if self._watch.interruptions > before:
            log.error("a correlation does not end and is passed over", keys=correlation.keys)
            self._endless.add(correlation.id)
        return value

    def _settle(self, due: DueSchedule, definition: JsonObject) -> tuple[Settlement, Sequence[Subscribe]]:
        """Settles a schedule; one that breaks says why, one that takes too long is not looked at again."""
        before = self._watch.interruptions
        problem = "its expressions take too long"
        try:
            if due.id not in self._endless:
                with self._watch.over(due.id, again=_AGAIN_SECONDS):
                    settled = self._scheduler.settle(due, definition)
                if self._watch.interruptions == before:
                    return settled
                self._endless.add(due.id)
        except PgworkerError as error:
            problem = error.message
        except Exception as error:
            log.exception("a schedule could not be settled", schedule=f"{due.namespace}/{due.name}")
            problem = f"the engine could not settle it: {type(error).__name__}"
        log.error("a schedule cannot run", schedule=f"{due.namespace}/{due.name}", reason=problem)
        seen = max((letter.position for letter in due.mail), default=None)
        return Settlement(problem=problem, listens=due.listens, seen=seen), ()

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds if self._rest.is_declared else min(seconds, _UNTOLD)):
                await self._awake.wait()
        except TimeoutError:
            return
