"""The report: what became of each scenario."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one scenario; ``line`` is that of the step that failed, or else the scenario's."""

    feature: str
    scenario: str
    result: Literal["passed", "failed"]
    reason: str | None
    file: str
    line: int
    duration: timedelta

    @property
    def is_passed(self) -> bool:
        """Whether every step held."""
        return self.result == "passed"
