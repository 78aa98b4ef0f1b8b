"""A carrier: gives what workflows publish the context of their traces to carry on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pgworker.engine.events import Event
from pgworker.store.turns import TurnConnection


class Carrier(Protocol):
    """Is asked before events are published; what it has not looked up carries nothing."""

    async def look_up(self, connection: TurnConnection, workflow_ids: Sequence[str]) -> None:
        """Workflows that may emit something are about to be decided upon."""

    def carrying(self, workflow_id: str, made: Sequence[Event]) -> Sequence[Event]:
        """The new events of a workflow, as those see them who are told of what they emit."""
