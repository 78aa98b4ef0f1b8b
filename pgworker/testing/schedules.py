"""Schedules: which workflows start by themselves as the clock goes on and CloudEvents come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pgworker.engine.inputs import CloudEventArrived
from pgworker.plan.nodes import Plan
from pgworker.store.rounds import DueSchedule
from pgworker.testing.definitions import Key
from pgworker.types import JsonObject


@dataclass(slots=True)
class Scheduled:
    """The schedule of a name, as it stands."""

    id: str
    key: Key
    plan: Plan
    created_at: datetime
    published_before: int
    next_at: datetime | None = None
    last_workflow_id: str | None = None
    listens: JsonObject = field(default_factory=dict)
    problem: str | None = None

    def due(
        self,
        now: datetime,
        last_ended_at: datetime | None,
        mail: Sequence[CloudEventArrived],
        *,
        subscribed: bool,
    ) -> DueSchedule:
        """What the scheduler is asked about it."""
        namespace, name, version = self.key
        return DueSchedule(
            id=self.id,
            namespace=namespace,
            name=name,
            version=version,
            created_at=self.created_at,
            next_at=self.next_at,
            last_workflow_id=self.last_workflow_id,
            last_ended_at=last_ended_at,
            listens=self.listens,
            subscribed=subscribed,
            mail=mail,
            now=now,
        )
