"""The same thing done in the small and in the large, by turns: how many times as much the large takes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Comparison:
    """What was measured, one figure for each repetition; ``unit`` and ``scale`` are for telling."""

    what: str
    unit: str = "ms"
    scale: float = 1e3
    small: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)

    def by_turns(
        self, repetitions: int, small: Callable[[], float], large: Callable[[], float]
    ) -> Comparison:
        """Measures both so often: what else the machine does befalls both. The first of each does not count.

        What is told can be read with ``pytest -rP``, or in what a failure tells.
        """
        small()
        large()
        for repetition in range(repetitions):
            # what the one leaves to be done meets the other as often
            for measure in (small, large) if repetition % 2 else (large, small):
                (self.small if measure is small else self.large).append(measure())
        sys.stdout.write(f"{self}\n")
        return self

    @property
    def ratio(self) -> float:
        """Of the medians, or of the least: whichever says less, for one of them may have been disturbed."""
        return min(median(self.large) / median(self.small), min(self.large) / min(self.small))

    def __str__(self) -> str:
        told = [
            f"{name} {self.scale * median(figures):.3g} {self.unit} (least {self.scale * min(figures):.3g})"
            for name, figures in (("small", self.small), ("large", self.large))
        ]
        return f"{self.what}: {', '.join(told)}, ratio {self.ratio:.2f}"
