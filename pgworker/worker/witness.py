"""A witness: is told what a worker does, for those who watch it; nothing depends on what it makes of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pgworker.engine.events import Event
from pgworker.engine.inputs import Outcome
from pgworker.plan.nodes import Plan
from pgworker.store.turns import Claim
from pgworker.worker.performances import Performance


@dataclass(frozen=True, slots=True)
class Made:
    """The events that one turn made for a workflow, and when that was taken up.

    There is no plan of a definition that does not compile.
    """

    claim: Claim
    plan: Plan | None
    started_at: datetime | None
    events: Sequence[Event]


class Witness(Protocol):
    """Is told what happened once it has; must neither wait nor raise."""

    def committed(self, made: Sequence[Made]) -> None:
        """A turn has been committed."""

    def attempted(self, performance: Performance, began: datetime, ended: datetime, outcome: Outcome) -> None:
        """An attempt at an activity has come to an end."""

    def notified(self) -> None:
        """The database told that there is something to do."""

    def lease_lost(self) -> None:
        """An activity that was under way is not this worker's any more."""


class Witnesses:
    """All of some witnesses, or nobody."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses

    def committed(self, made: Sequence[Made]) -> None:
        """Tells each of them."""
        for witness in self._witnesses:
            witness.committed(made)

    def attempted(self, performance: Performance, began: datetime, ended: datetime, outcome: Outcome) -> None:
        """Tells each of them."""
        for witness in self._witnesses:
            witness.attempted(performance, began, ended, outcome)

    def notified(self) -> None:
        """Tells each of them."""
        for witness in self._witnesses:
            witness.notified()

    def lease_lost(self) -> None:
        """Tells each of them."""
        for witness in self._witnesses:
            witness.lease_lost()
