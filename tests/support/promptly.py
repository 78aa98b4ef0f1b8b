"""A bound on how much a test may work: what would go on for ever fails instead."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def promptly(seconds: float = 5) -> Iterator[None]:
    """Fails what takes longer, counted in time of the processor: a busy machine is no reason to fail."""
    before = signal.signal(signal.SIGVTALRM, _fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _fail(_number: int, _frame: FrameType | None) -> None:
    raise AssertionError("this goes on and on")
