"""Subscriptions that stay open: when what was received is acknowledged, and when they end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from pgworker.activities.asyncapi.messages import Inbound
from pgworker.activities.asyncapi.sessions import Sessions
from pgworker.errors import Fault, FaultKind
from tests.support.waiting import eventually


class Memory:
    """A protocol whose messages are numbers, and which tells how far they were acknowledged."""

    def __init__(self, breaks: bool = False) -> None:
        self.opened = self.closed = self.sent = self.acknowledged = 0
        self._breaks = breaks

    @asynccontextmanager
    async def receive(self):
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    async def next(self):
        self.sent += 1
        return Inbound(b"%d" % self.sent)

    async def acknowledge(self):
        if self._breaks:
            raise Fault(FaultKind.COMMUNICATION, "gone")
        self.acknowledged = self.sent


async def receive(sessions, link, name="a", stays=True):
    async with sessions.open(name, link.receive) as session:
        session.stays = stays
        return int((await session.receiver.next()).body)


async def test_a_message_is_acknowledged_when_the_next_is_asked_for():
    sessions, link = Sessions(), Memory()
    assert await receive(sessions, link) == 1
    assert link.acknowledged == 0
    assert await receive(sessions, link) == 2
    assert (link.acknowledged, link.opened, link.closed) == (1, 1, 0)
    await sessions.close()
    assert (link.acknowledged, link.closed) == (1, 1)


async def test_what_does_not_stay_open_is_acknowledged_and_closed():
    sessions, link = Sessions(), Memory()
    await receive(sessions, link, stays=False)
    assert (link.acknowledged, link.closed) == (1, 1)


async def test_one_that_is_waited_for_in_vain_is_acknowledged_and_closed():
    sessions, link = Sessions(idle_seconds=0.05), Memory()
    await receive(sessions, link)
    await eventually(lambda: link.closed == 1, what="the end of the subscription")
    assert link.acknowledged == 1
    assert await receive(sessions, link) == 2
    assert link.opened == 2
    await sessions.close()


async def test_the_oldest_is_closed_when_there_are_too_many():
    sessions, link = Sessions(most=2), Memory()
    for name in "abc":
        await receive(sessions, link, name)
    await eventually(lambda: link.closed == 1, what="the end of the oldest")
    await receive(sessions, link, "b")
    assert link.opened == 3
    await receive(sessions, link, "a")
    assert link.opened == 4
    await sessions.close()
    assert link.closed == 4


async def test_a_connection_that_broke_meanwhile_fails_the_next_activity_and_is_closed():
    sessions, link = Sessions(), Memory(breaks=True)
    await receive(sessions, link)
    with pytest.raises(Fault):
        await receive(sessions, link)
    assert link.closed == 1
    assert await receive(sessions, link) == 2
    await sessions.close()


async def test_an_activity_that_is_cancelled_closes_the_subscription_without_acknowledging():
    sessions, link = Sessions(), Memory()
    await receive(sessions, link)

    async def hangs():
        async with sessions.open("a", link.receive) as session:
            await session.receiver.next()
            await asyncio.sleep(30)

    task = asyncio.create_task(hangs())
    await eventually(lambda: link.sent == 2, what="the second message")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (link.acknowledged, link.closed) == (1, 1)
