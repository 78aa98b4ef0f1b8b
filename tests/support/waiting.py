"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 20.0, what: str = "the condition") -> T:
    """The first true value of ``condition``; fails when the time is over."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.01)
    return value


async def eventually(
    condition: Callable[[], T], seconds: float = 20.0, what: str = "the condition", *, pause: float = 0.01
) -> T:
    """As ``until``, letting other tasks run; without a ``pause`` it misses nothing that they wait through."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        await asyncio.sleep(pause)
    return value
