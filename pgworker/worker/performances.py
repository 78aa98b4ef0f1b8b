"""A performance: one attempt at one activity, under a lease."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.store.turns import ClaimedActivity, Lease
from pgworker.types import JsonValue, Pointer


@dataclass(frozen=True, slots=True)
class Performance:
    """What is to be performed, and by what right its result will be recorded."""

    lease: Lease
    task: Pointer
    activity: str
    arguments: JsonValue

    @property
    def key(self) -> tuple[str, int]:
        """The activity: the workflow, and the seq of the event that scheduled it."""
        return self.lease.workflow_id, self.lease.seq

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at the activity."""
        return f"{self.lease.workflow_id}:{self.lease.seq}"

    @classmethod
    def of(cls, claimed: ClaimedActivity) -> Performance:
        """The performance of an activity that was claimed from the queue."""
        data = claimed.data
        return cls(claimed.lease, claimed.task, str(data.get("activity")), data.get("arguments"))
