"""Waiting before trying again: longer each time, and never all at the same moment."""

from __future__ import annotations

import random


class Backoff:
    """Full-jitter exponential backoff between ``shortest`` and ``longest`` seconds."""

    def __init__(self, shortest: float = 0.1, longest: float = 5.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(self._longest, self._shortest * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return random.uniform(self._shortest / 2, ceiling)

    def reset(self) -> None:
        """It worked."""
        self._failures = 0
