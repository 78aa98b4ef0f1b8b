"""Threads for functions that block: one for each call, as nobody can end a thread that is stuck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context

from pgworker.telemetry import log


async def in_thread(name: str, call: Callable[[], object]) -> object:
    """What the call returns or raises, in a thread of its own that knows the context.

    A pool would be full once enough calls are stuck in it, and its threads would keep the process from
    ending. Cancelled, it leaves the thread to itself: what it returns then goes nowhere.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[object] = loop.create_future()
    context = copy_context()

    def settle(result: object, error: BaseException | None) -> None:
        if answer.done():
            return  # cancelled: nobody waits for it any more
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def run() -> None:
        result: object = None
        raised: BaseException | None = None
        try:
            result = context.run(call)
        except StopIteration as error:  # no future can hold one
            raised = RuntimeError(f"StopIteration: {error}")
        except BaseException as error:
            raised = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, raised)

    thread = threading.Thread(target=run, name=f"function {name}", daemon=True)
    thread.start()
    try:
        return await answer
    except asyncio.CancelledError:
        if thread.is_alive():
            log.warning("a function goes on although nobody waits for it", function=name)
        raise
