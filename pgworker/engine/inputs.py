"""What the world tells a workflow, besides the events that others append to its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pgworker.engine.state import Status
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue


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


@dataclass(frozen=True, slots=True)
class CloudEventArrived:
    """A CloudEvent that the listen ``start`` may want; its place among all of them is ``position``."""

    start: int
    position: int
    event_id: str
    cloud_event: JsonObject


@dataclass(frozen=True, slots=True)
class ChildReported:
    """How the workflow is that the activation ``start`` started; without a status it could not be started."""

    start: int
    status: Status | None
    output: JsonValue = None
    error: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class CancelWanted:
    """Whoever started this workflow and waited for it does not do so any more."""


Outcome: TypeAlias = ActivityCompleted | ActivityFailed
"""How an activity ended."""

Input: TypeAlias = Outcome | TimerDue | CloudEventArrived | ChildReported | CancelWanted
