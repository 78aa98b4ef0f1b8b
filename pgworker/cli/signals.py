"""Signals that ask a command to stop: the first one gracefully, the second one at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from pgworker.cli.failures import Exit

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Set by the first signal, which it remembers."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.number: signal.Signals | None = None

    def ask(self, number: signal.Signals) -> None:
        """A signal came."""
        if self.number is not None:
            os._exit(Exit.INTERRUPTED)  # asked twice: whatever is under way is taken up again from its leases
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


def unwind_on_termination() -> None:
    """Makes SIGTERM and SIGHUP end the process as an exception does, so that what was begun is undone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _unwind)


def _unwind(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
