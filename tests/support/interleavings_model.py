"""A model of what is committed: workflows and what they wait for, keys, and CloudEvents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from tests.support.letters import Wanted

UNKNOWN = datetime.max.replace(tzinfo=UTC)
"""A time that is still to be read from the database."""

Key: TypeAlias = tuple[str, int]
"""A workflow and a seq."""


@dataclass
class Activity:
    """Something to be performed; ``expired`` is None where nobody knows whether the lease has run out."""

    token: str | None
    attempt: int
    expired: bool | None = False


@dataclass
class Timer:
    """A timer that has not fired."""

    due: bool


@dataclass
class Listen:
    """A listen that goes on, and the CloudEvents that it has looked at."""

    wanted: tuple[Wanted, ...]
    seen: set[str] = field(default_factory=set)


@dataclass
class Child:
    """A task that started another workflow."""

    id: str
    waits: bool


Open: TypeAlias = Activity | Timer | Listen | Child


@dataclass
class Workflow:
    """A workflow as it is committed; ``turn`` says that it is to be given one, whatever else there is."""

    id: str
    created_at: datetime = UNKNOWN
    last_seq: int = 1
    status: str = "PENDING"
    turn: bool = True
    wished: bool = False
    open: dict[int, Open] = field(default_factory=dict)
    consumed: set[str] = field(default_factory=set)

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("PENDING", "RUNNING")


@dataclass
class CloudEvent:
    """A CloudEvent that was published."""

    id: str
    type: str
    data: object
    published_at: datetime = UNKNOWN

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether a filter lets it pass."""
        event = {"type": self.type, "source": "/sql", "id": self.id, "data": self.data}
        return wanted.type in (None, self.type) and wanted.correlation.value_of(event) == wanted.value


@dataclass
class Model:
    """Everything that is committed."""

    workflows: dict[str, Workflow] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    events: dict[str, CloudEvent] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def activities(self) -> Iterator[tuple[Key, Activity]]:
        """What is to be performed, or is being performed."""
        for workflow in self.workflows.values():
            for seq, one in workflow.open.items():
                if isinstance(one, Activity):
                    yield (workflow.id, seq), one

    def activity(self, key: Key) -> Activity | None:
        """One of them, if it has not ended."""
        one = self.workflows[key[0]].open.get(key[1])
        return one if isinstance(one, Activity) else None

    def ended(self, id_: str, status: str) -> None:
        """A workflow has ended: nothing of it is open, and those that it waits for are to end as well."""
        workflow = self.workflows[id_]
        workflow.status, workflow.turn, workflow.wished = status, False, False
        for one in workflow.open.values():
            if isinstance(one, Child) and one.waits:
                self.wish(one.id)
        workflow.open.clear()

    def wish(self, child: str) -> None:
        """Nobody waits for a workflow any more: it is to cancel itself."""
        if child in self.workflows and self.workflows[child].is_live:
            self.workflows[child].wished = True

    def due(self, workflow: Workflow) -> set[int]:
        """The seqs of what the workflow has to be given a turn for, apart from CloudEvents."""
        found = {
            seq
            for seq, one in workflow.open.items()
            if (isinstance(one, Timer) and one.due)
            or (isinstance(one, Child) and (not one.waits or not self.workflows[one.id].is_live))
        }
        return found | ({0} if workflow.turn else set()) | ({-1} if workflow.wished else set())

    def mail(self, workflow: Workflow) -> set[tuple[int, str]]:
        """Listens and the CloudEvents that they want and have not looked at."""
        return {
            (seq, event.id)
            for seq, one in workflow.open.items()
            if isinstance(one, Listen)
            for event in self.events.values()
            if event.id not in workflow.consumed | one.seen
            and event.published_at >= workflow.created_at
            and any(event.is_wanted(wanted) for wanted in one.wanted)
        }
