"""A witness: is told what a worker does, for those who watch it; nothing depends on what it makes of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pgworker.engine.events import Event
from pgworker.plan.nodes import Plan
from pgworker.store.turns import Claim


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

    def notified(self) -> None:
        """The database told that there is something to do."""

    def lease_lost(self) -> None:
        """An activity that was under way is not this worker's any more."""


class Nobody:
    """Watches nothing."""

    def committed(self, made: Sequence[Made]) -> None:
        """Nothing."""

    def notified(self) -> None:
        """Nothing."""

    def lease_lost(self) -> None:
        """Nothing."""
