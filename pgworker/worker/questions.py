"""Questions: what a worker and its decider say to each other, about a decision or a single expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pgworker.engine.decision import Record
from pgworker.engine.inputs import Input
from pgworker.engine.rewinding import Back
from pgworker.engine.state import State
from pgworker.types import JsonObject, JsonValue, Pointer
from pgworker.worker.plans import DefinitionKey


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that questions will be about, with what was loaded for it."""

    key: DefinitionKey
    document: JsonObject
    resources: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Question:
    """What ``decide`` is asked about a workflow of the definition ``key``."""

    workflow_id: str
    key: DefinitionKey
    state: State
    now: datetime
    told: Sequence[Input]
    back: Back | None
    max_events: int
    max_history: int


@dataclass(frozen=True, slots=True)
class Decided:
    """The events that follow, what listens have looked at, and the seconds of processor time that it took."""

    events: Sequence[tuple[str, Pointer | None, JsonObject]]
    examined: Mapping[int, int]
    seconds: float

    def record(self, state: State, now: datetime) -> Record:
        """The decision as it would have been made here: ``state``, as it was asked about, is advanced."""
        record = Record(state, now)
        for type_, task, data in self.events:
            record.record(type_, task, data)
        record.examined.update(self.examined)
        return record


@dataclass(frozen=True, slots=True)
class Broke:
    """Why there is no decision."""

    reason: str


Answer = Decided | Broke


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a closed template comes to, and the seconds of processor time that it took."""

    value: JsonValue
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a closed template comes to nothing."""

    reason: str


class DecisionBroke(Exception):
    """A decision made aside came to nothing."""
