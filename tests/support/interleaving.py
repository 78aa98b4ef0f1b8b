"""Statements of several transactions, forced into an order: each goes when its letter comes.

The sides run the engine's own code. What they talk to is a connection that holds every statement back until
it may go, and that sends the statements of a pipeline one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from psycopg import AsyncConnection, AsyncCursor

_AT_ONCE = 0.004
"""A statement that takes longer may be waiting for a lock: only then the database is asked."""


class Gate:
    """A connection whose statements wait for leave; ``BEGIN`` goes together with what follows."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.connection = connection
        self.waits_for_leave = asyncio.Event()
        self.is_open = False
        self._leave = asyncio.Semaphore(0)

    async def execute(self, statement: Any, parameters: Any = None) -> AsyncCursor[Any]:
        """Sends the statement once it has leave."""
        if statement != "begin":
            await self._take_leave()
        return await self.connection.execute(statement, parameters)

    def pipeline(self) -> nullcontext[None]:
        """No pipeline: each statement is an event of its own here."""
        return nullcontext()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction of whoever says so, whose commit waits for leave as well."""
        await self.execute("begin")
        yield
        await self.execute("commit")

    @asynccontextmanager
    async def as_pool(self) -> AsyncIterator[Gate]:
        """Itself, as a pool hands out a connection."""
        yield self

    def give_leave(self) -> None:
        """The statement that waits may go."""
        self.waits_for_leave.clear()
        self._leave.release()

    async def _take_leave(self) -> None:
        if not self.is_open:
            self.waits_for_leave.set()
            await self._leave.acquire()


class Pool:
    """A pool of one connection, which is a gate."""

    def __init__(self, gate: Gate) -> None:
        self.connection: Callable[[], Any] = gate.as_pool


class Side:
    """One of those who act at the same time, statement by statement."""

    def __init__(self, gate: Gate, acts: Awaitable[None], observer: AsyncConnection[Any]) -> None:
        self._gate = gate
        self._observer = observer
        gate.is_open = False
        self._task = asyncio.ensure_future(acts)
        self.steps = 0
        self.was_held_up = False

    async def step(self) -> None:
        """Lets the next statement go, unless the last still waits for a lock; returns when it can no more."""
        await self._settle()
        if not self._task.done() and self._gate.waits_for_leave.is_set():
            self._gate.give_leave()
            self.steps += 1
            await self._settle()

    async def finish(self) -> None:
        """Whatever is left, without waiting for leave."""
        self._gate.is_open = True
        if self._gate.waits_for_leave.is_set():
            self._gate.give_leave()
        await asyncio.wait_for(self._task, 20)

    async def _settle(self) -> None:
        """Returns when the side waits for leave, or for a lock, or has come to its end."""
        arrived = asyncio.ensure_future(self._gate.waits_for_leave.wait())
        try:
            while True:
                done, _ = await asyncio.wait(
                    [arrived, self._task], timeout=_AT_ONCE, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    break
                if await self._waits_for_a_lock():
                    self.was_held_up = True
                    break
        finally:
            arrived.cancel()
        if self._task.done():
            self._task.result()

    async def _waits_for_a_lock(self) -> bool:
        cursor = await self._observer.execute(
            "select exists (select from pg_locks where pid = %s and not granted)",
            [self._gate.connection.info.backend_pid],
        )
        row = await cursor.fetchone()
        return row is not None and row[0] is True


async def run_in_order(sides: Sequence[Side], order: Sequence[int]) -> None:
    """One statement for each number, of the side that it names; then what is left of all, at once."""
    for which in order:
        await sides[which].step()
    await asyncio.gather(*(side.finish() for side in sides))
