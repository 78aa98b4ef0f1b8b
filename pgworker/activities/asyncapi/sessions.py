"""Subscriptions that stay open between activities that belong together: nothing is missed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from pgworker.activities.asyncapi.link import Receiver
from pgworker.errors import Fault


@dataclass(frozen=True, slots=True)
class _Kept:
    receiver: Receiver
    stack: AsyncExitStack
    expiry: asyncio.TimerHandle


class Session:
    """An open subscription; who has received from it says whether it is to stay open."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.stays = False


class Sessions:
    """The open subscriptions of a worker by their names; each waits a while for the next activity.

    That one begins proves that the result of the last was recorded: only then, or when it was waited for in
    vain, what the last has received is acknowledged. Beyond ``most`` of them the oldest are closed.
    """

    def __init__(self, idle_seconds: float = 60.0, most: int = 200) -> None:
        self._idle_seconds = idle_seconds
        self._most = most
        self._kept: dict[str, _Kept] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(
        self, name: str, receive: Callable[[], AbstractAsyncContextManager[Receiver]]
    ) -> AsyncIterator[Session]:
        """The subscription of this name: the one that is still open, or a new one; raises ``Fault``."""
        kept = self._kept.pop(name, None)
        async with AsyncExitStack() as stack:
            if kept is None:
                receiver = await stack.enter_async_context(receive())
            else:
                kept.expiry.cancel()
                await stack.enter_async_context(kept.stack)
                receiver = kept.receiver
                await receiver.acknowledge()
            session = Session(receiver)
            yield session
            if session.stays:
                self._keep(name, receiver, stack.pop_all())
            else:
                await receiver.acknowledge()

    async def close(self) -> None:
        """Closes them all, without acknowledging: a result may not have been recorded yet."""
        kept, self._kept = self._kept, {}
        for one in kept.values():
            one.expiry.cancel()
            self._begin(_close(one))
        await asyncio.gather(*self._closing)

    def _keep(self, name: str, receiver: Receiver, stack: AsyncExitStack) -> None:
        expiry = asyncio.get_running_loop().call_later(self._idle_seconds, self._end, name)
        self._kept[name] = _Kept(receiver, stack, expiry)
        if len(self._kept) > self._most:
            self._end(next(iter(self._kept)))

    def _end(self, name: str) -> None:
        kept = self._kept.pop(name)
        kept.expiry.cancel()
        self._begin(_close(kept, acknowledged=True))

    def _begin(self, closing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(kept: _Kept, *, acknowledged: bool = False) -> None:
    # where the connection broke nobody waits for it, and what was not acknowledged comes again
    with suppress(Fault):
        async with kept.stack:
            if acknowledged:
                await kept.receiver.acknowledge()
