"""Failpoints of activities: before one begins, after its effect, before its outcome is noted, and so on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp

from pgworker.activities import exchange
from pgworker.activities.registry import Activities
from pgworker.worker.performer import Performer
from tests.support.failpoints.points import (
    BEGIN_ACTIVITY,
    NOTE_OUTCOME,
    PERFORM,
    READ_ANSWER,
    SETTLE_OUTCOMES,
    Fault,
    When,
)
from tests.support.failpoints.trigger import Trigger

T = TypeVar("T")


class Boundaries:
    """The wrapped activities of one process."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger

    def install(self) -> None:
        """Puts itself between the worker and its activities."""
        begin, settled = Performer.begin, Performer.settled
        perform, note = Activities.perform_scheduled, Performer._perform
        read_body = exchange.read_body

        def begins(performer: Any, performance: Any) -> None:
            self.call(BEGIN_ACTIVITY, lambda: begin(performer, performance))

        def settles(performer: Any, keys: Any) -> None:
            keys = list(keys)
            if any(key in performer._finished for key in keys):
                self.call(SETTLE_OUTCOMES, lambda: settled(performer, keys))

        async def performs(activities: Any, *given: Any, **more: Any) -> Any:
            return await self.await_(PERFORM, lambda: perform(activities, *given, **more))

        async def notes(performer: Any, *performed: Any) -> None:
            # from the first it is the outcome that is meant: what is before is the performing
            await note(performer, *performed)
            self.call(NOTE_OUTCOME, lambda: None)

        async def reads(response: aiohttp.ClientResponse, *limits: Any) -> bytes:
            turn = self._trigger.enter(READ_ANSWER)
            if fault := self._trigger.fault(READ_ANSWER, turn, When.BEFORE):
                self._trigger.fire(fault)
                response.content.set_exception(aiohttp.ServerDisconnectedError())
            return await read_body(response, *limits)

        Performer.begin, Performer.settled, Performer._perform = begins, settles, notes
        Activities.perform_scheduled = performs
        exchange.read_body = reads

    def call(self, name: str, carry_out: Callable[[], T]) -> T:
        """A step of the worker's own."""
        turn = self._trigger.enter(name)
        self._have(name, turn, When.BEFORE)
        result = carry_out()
        self._have(name, turn, When.AFTER)
        return result

    async def await_(self, name: str, carry_out: Callable[[], Awaitable[T]]) -> T:
        """A step that takes its time."""
        turn = self._trigger.enter(name)
        self._have(name, turn, When.BEFORE)
        result = await carry_out()
        self._have(name, turn, When.AFTER)
        return result

    def _have(self, name: str, turn: int, when: When) -> None:
        fault = self._trigger.fault(name, turn, when)
        if fault is not None:
            self._trigger.fire(fault)
        if fault is Fault.DROP:
            self._trigger.cut_all()
