"""Rows as the read side gives them: the columns that surface under these names in SQL too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pgworker.types import JsonObject, JsonValue, Pointer

FINISHED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
"""The statuses that a workflow never leaves."""


class _Standing:
    """What has the status of a workflow."""

    __slots__ = ()
    status: str

    @property
    def is_finished(self) -> bool:
        """Whether the workflow has ended, one way or another."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Workflow(_Standing):
    """One workflow: what was asked for, and where it stands. Times are in UTC."""

    id: str
    namespace: str
    name: str
    version: str
    status: str
    input: JsonValue
    output: JsonValue
    error: JsonObject | None
    last_seq: int
    parent_id: str | None
    labels: JsonObject
    idempotency_key: str | None
    priority: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Head(_Standing):
    """How far a workflow has come, and no more than that."""

    status: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Outcome(_Standing):
    """How a workflow stands and, once it has ended, what came of it: what whoever started it may know."""

    status: str
    output: JsonValue
    error: JsonObject | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One event, made readable."""

    workflow_id: str
    seq: int
    occurred_at: datetime
    elapsed: timedelta | None
    type: str
    name: str | None
    task: Pointer | None
    iteration: int | None
    duration: timedelta | None
    input: JsonValue
    output: JsonValue
    error: JsonObject | None
    data: JsonObject
    actor: str


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """What a follower wants to know of an event; values, which may be large, stay in the database."""

    seq: int
    type: str
    name: str | None
    task: Pointer | None
    iteration: int | None
    duration: timedelta | None
    attempt: int | None
    error: JsonObject | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One time that a task ran, is running or was skipped."""

    workflow_id: str
    seq: int
    task: Pointer
    name: str
    kind: str
    status: str
    attempt: int
    iteration: int | None
    input: JsonValue
    output: JsonValue
    error: JsonObject | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class LifecycleRow:
    """One lifecycle event: a CloudEvent about a change in a workflow or in one of its tasks."""

    workflow_id: str
    seq: int
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: JsonObject
    cloud_event: JsonObject


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker process."""

    id: str
    host: str
    pid: int
    version: str
    slots: int
    busy: int
    idle: bool
    started_at: datetime
    heartbeat_at: datetime
    busy_since: datetime | None
    output_bytes: int


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One activity that is being performed; how far it is was told by the last heartbeat of its worker.

    ``running`` and the counts are None as long as it is not known to be long.
    """

    name: str
    activity: str
    attempt: int
    running: timedelta | None
    output_bytes: int | None
    messages: int | None
    worker_id: str
    workflow_id: str
    seq: int
    task: Pointer
    running_since: datetime | None
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class JobRow:
    """Something that is to be done, or is being done under a lease."""

    workflow_id: str
    seq: int
    kind: str
    due_at: datetime
    priority: int
    attempt: int
    worker_id: str | None
    leased_until: datetime | None
    created_at: datetime
    running_since: datetime | None
    output_bytes: int | None
    messages: int | None
