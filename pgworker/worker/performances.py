"""A performance: one attempt at one activity, under a lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgworker.store.turns import ClaimedActivity, Lease
from pgworker.types import JsonObject, Pointer


@dataclass(frozen=True, slots=True)
class Performance:
    """What is to be performed (``data`` of the event that scheduled it), and by what right."""

    lease: Lease
    task: Pointer
    data: JsonObject

    @property
    def activity(self) -> str:
        """The kind of work."""
        return str(self.data.get("activity"))

    @property
    def key(self) -> tuple[str, int]:
        """The activity: the workflow, and the seq of the event that scheduled it."""
        return self.lease.workflow_id, self.lease.seq

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at the activity."""
        return f"{self.lease.workflow_id}:{self.lease.seq}"

    @property
    def about(self) -> Mapping[str, object]:
        """What a line in the log about it says of it."""
        return {"workflow_id": self.lease.workflow_id, "task": self.task, "attempt": self.lease.attempt}

    @classmethod
    def of(cls, claimed: ClaimedActivity) -> Performance:
        """The performance of an activity that was claimed from the queue."""
        return cls(claimed.lease, claimed.task, claimed.data)
