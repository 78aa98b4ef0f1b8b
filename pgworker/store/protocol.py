"""What an event store does. Workers run on PostgreSQL's; tests and replay also use the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from pgworker.store.starting import StartRequest
from pgworker.store.turns import Claimed, ClaimedActivity, Past, Wanted
from pgworker.store.writes import Writes
from pgworker.types import JsonObject, JsonValue


class TurnStore(Protocol):
    """How turns are made: claim, then commit or abandon; at most one is open at a time."""

    async def claim(self, wanted: Wanted) -> Claimed:
        """Opens a turn with the workflows that are due and those whose activities are finished."""

    async def commit_and_claim(
        self, parts: Iterable[Writes], ending: Callable[[], tuple[int, Wanted]]
    ) -> tuple[list[ClaimedActivity], Claimed]:
        """Writes the turn, part by part, leases activities, and opens the next turn.

        When all parts have been taken, ``ending`` says how many activities to lease and what to claim.
        Raises ``TurnOvertaken`` if a workflow is not where the turn found it; nothing is written then.
        """

    async def end(self, slots: int) -> list[ClaimedActivity]:
        """Closes a turn in which there was nothing to write; leases up to ``slots`` activities."""

    async def abandon(self) -> None:
        """Closes the turn and forgets it."""

    async def read(self, workflow_ids: Sequence[str]) -> dict[str, Past]:
        """What the states of workflows are rebuilt from."""

    async def definition(self, namespace: str, name: str, version: str) -> tuple[JsonObject, JsonObject]:
        """A definition's document (an empty one if there is none), and what was loaded for it, by address."""


class EventStore(Protocol):
    """What others do with a store: define, start, append, cancel, read."""

    async def define(self, definition: JsonObject) -> str:
        """Stores a version of a definition; returns ``namespace/name:version``. Raises ``Conflict``."""

    async def start(self, request: StartRequest) -> str:
        """Starts a workflow; returns its id. Raises ``NotFound`` if nothing is defined under the name."""

    async def append(self, workflow_id: str, type: str, data: JsonValue = None) -> int:
        """Appends an event and returns its seq; raises ``NotFound`` or ``Conflict``."""

    async def cancel(self, workflow_id: str, reason: str | None = None) -> bool:
        """Cancels a workflow; false if it has ended already. Raises ``NotFound``."""
