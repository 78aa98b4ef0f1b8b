"""Signals that ask to stop: the first one gracefully, the second one at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Set by the first signal, which it remembers."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.number: signal.Signals | None = None

    def ask(self, number: signal.Signals) -> None:
        """A signal came."""
        if self.number is not None:
            # asked twice: whatever is under way is taken up again from its leases
            os._exit(128 + signal.SIGINT)
        self.number = number
        self.event.set()

    @property
    def exit_code(self) -> int:
        """What a command that was stopped before its work was done ends with, as shells count it."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Inside a running loop: what signals set as long as the block lasts."""
    loop = asyncio.get_running_loop()
    stop = Stop()
    for number in _ASKING:
        loop.add_signal_handler(number, stop.ask, number)
    try:
        yield stop
    finally:
        for number in _ASKING:
            loop.remove_signal_handler(number)
