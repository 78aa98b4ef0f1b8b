"""What the world tells a workflow, besides the events that others append to its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pgworker.errors import Fault
from pgworker.types import JsonValue


@dataclass(frozen=True, slots=True)
class ActivityCompleted:
    """The activity of the activation ``start`` returned ``result``; ``token`` is the lease it held."""

    start: int
    result: JsonValue
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class ActivityFailed:
    """The activity of the activation ``start`` failed; ``token`` is the lease it held."""

    start: int
    fault: Fault
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The time of the timer that the event ``timer`` set has come."""

    timer: int


Outcome: TypeAlias = ActivityCompleted | ActivityFailed
"""How an activity ended."""

Input: TypeAlias = Outcome | TimerDue
