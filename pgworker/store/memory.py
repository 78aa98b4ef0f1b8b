"""An event store in memory, with a clock that its user sets: for tests, and for replaying what happened.

It keeps the laws of the database's store: numbers without gaps, one writer a workflow, leases with tokens,
values that have been through JSON. It does not keep anything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import orjson

from pgworker.engine.events import WORKFLOW_CANCELLED, WORKFLOW_STARTED, Event
from pgworker.engine.state import Status
from pgworker.errors import Conflict, NotFound
from pgworker.store.failures import TurnOvertaken
from pgworker.store.starting import StartRequest
from pgworker.store.turns import Claim, Claimed, ClaimedActivity, Lease, Past, Wanted
from pgworker.store.writes import Writes
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical


@dataclass(slots=True)
class _Workflow:
    key: tuple[str, str, str]
    priority: int
    status: Status = Status.PENDING
    output: JsonValue = None
    error: JsonValue = None
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class _Job:
    kind: str
    due_at: datetime
    attempt: int = 0
    token: str | None = None


class MemoryStore:
    """Both an ``EventStore`` and a ``TurnStore``, for one worker. ``now`` may be moved forward at will."""

    def __init__(self, now: datetime, lease_seconds: float = 30) -> None:
        self.now = now
        self._lease = timedelta(seconds=lease_seconds)
        self._definitions: dict[tuple[str, str, str], JsonObject] = {}
        self._workflows: dict[str, _Workflow] = {}
        self._jobs: dict[str, dict[int, _Job]] = defaultdict(dict)

    async def define(self, definition: JsonObject) -> str:
        """Stores a version of a definition."""
        document = definition.get("document")
        header = document if isinstance(document, dict) else {}
        namespace, name, version = (str(header.get(key, "")) for key in ("namespace", "name", "version"))
        kept = self._definitions.setdefault((namespace, name, version), _through_json(definition))
        if kept != _through_json(definition):
            raise Conflict(f"{namespace}/{name}:{version} is defined already, with other content")
        return f"{namespace}/{name}:{version}"

    async def start(self, request: StartRequest) -> str:
        """Starts a workflow of the version that was asked for, or of the one that was defined last."""
        keys = [
            key
            for key in self._definitions
            if key[:2] == (request.namespace, request.name) and request.version in (None, key[2])
        ]
        if not keys:
            raise NotFound(f"no workflow is defined as {request.namespace}/{request.name}")
        workflow_id = request.workflow_id or str(uuid4())
        self._workflows[workflow_id] = _Workflow(keys[-1], request.priority)
        self._add(workflow_id, WORKFLOW_STARTED, {"input": request.input})
        self._jobs[workflow_id][0] = _Job("decide", request.start_at or self.now)
        return workflow_id

    async def append(self, workflow_id: str, type: str, data: JsonValue = None) -> int:
        """Appends an event and gives the workflow a turn."""
        workflow = self._found(workflow_id)
        if workflow.status.is_terminal:
            raise Conflict(f"the workflow {workflow_id} is {workflow.status}")
        self._add(workflow_id, type, data if isinstance(data, dict) else {})
        self._jobs[workflow_id][0] = _Job("decide", self.now)
        return len(workflow.events)

    async def cancel(self, workflow_id: str, reason: str | None = None) -> bool:
        """Cancels a workflow."""
        workflow = self._found(workflow_id)
        if workflow.status.is_terminal:
            return False
        workflow.status = Status.CANCELLED
        self._add(workflow_id, WORKFLOW_CANCELLED, {"error": {"title": "Cancelled", "detail": reason}})
        self._jobs.pop(workflow_id, None)
        return True

    async def claim(self, wanted: Wanted) -> Claimed:
        """Claims, highest priority first; there is nobody else who could hold anything."""
        done = defaultdict(list)
        for lease in wanted.done:
            job = self._jobs.get(lease.workflow_id, {}).get(lease.seq)
            if job is not None and job.token == lease.token:
                done[lease.workflow_id].append(lease.seq)
        due = [workflow_id for workflow_id in self._jobs if self._due(workflow_id)]
        due.sort(key=lambda workflow_id: -self._workflows[workflow_id].priority)
        ids = dict.fromkeys([*due[: wanted.batch], *done])
        return Claimed(self.now, [self._claim(workflow_id, done[workflow_id]) for workflow_id in ids])

    async def commit_and_claim(
        self, parts: Iterable[Writes], ending: Callable[[], tuple[int, Wanted]]
    ) -> tuple[list[ClaimedActivity], Claimed]:
        """Writes the turn, leases, and claims for the next."""
        turn = list(parts)
        for writes in turn:
            for workflow_id, before in zip(writes.workflows, writes.seqs_before, strict=True):
                if len(self._found(workflow_id).events) != before:
                    raise TurnOvertaken(f"the workflow {workflow_id} has gone on elsewhere")
        for writes in turn:
            self._write(writes)
        slots, wanted = ending()
        return await self.end(slots), await self.claim(wanted)

    async def end(self, slots: int) -> list[ClaimedActivity]:
        """Leases activities whose time has come, or whose lease has run out."""
        leased: list[ClaimedActivity] = []
        for workflow_id, jobs in self._jobs.items():
            for seq, job in jobs.items():
                if job.kind == "perform" and job.due_at <= self.now and len(leased) < slots:
                    job.attempt += 1
                    job.token = str(uuid4())
                    job.due_at = self.now + self._lease
                    event = self._workflows[workflow_id].events[seq - 1]
                    lease = Lease(workflow_id, seq, job.token, job.attempt)
                    leased.append(ClaimedActivity(lease, event.task or "", event.data))
        return leased

    async def abandon(self) -> None:
        """Nothing was written, so there is nothing to take back."""

    async def read(self, workflow_ids: Sequence[str]) -> dict[str, Past]:
        """What the states of workflows are rebuilt from: their whole histories."""
        return {
            workflow_id: Past(None, list(self._found(workflow_id).events)) for workflow_id in workflow_ids
        }

    async def definition(self, namespace: str, name: str, version: str) -> tuple[JsonObject, JsonObject]:
        """The document of a definition; nothing is ever loaded for it here."""
        return self._definitions.get((namespace, name, version), {}), {}

    def status(self, workflow_id: str) -> tuple[Status, JsonValue, JsonValue]:
        """Where a workflow stands: its status, output and error."""
        workflow = self._found(workflow_id)
        return workflow.status, workflow.output, workflow.error

    def _found(self, workflow_id: str) -> _Workflow:
        if workflow_id not in self._workflows:
            raise NotFound(f"there is no workflow {workflow_id}")
        return self._workflows[workflow_id]

    def _add(self, workflow_id: str, type_: str, data: JsonObject) -> None:
        history = self._workflows[workflow_id].events
        history.append(Event(len(history) + 1, type_, None, _through_json(data), self.now))

    def _due(self, workflow_id: str) -> list[int]:
        jobs = self._jobs.get(workflow_id, {})
        return [seq for seq, job in jobs.items() if job.kind == "decide" and job.due_at <= self.now]

    def _claim(self, workflow_id: str, done: Sequence[int]) -> Claim:
        workflow = self._workflows[workflow_id]
        due = self._due(workflow_id)
        strikes = max((self._jobs[workflow_id][seq].attempt for seq in due), default=0)
        namespace, name, version = workflow.key
        return Claim(
            workflow_id, namespace, name, version, len(workflow.events), workflow.priority, due, strikes,
            done, list(workflow.events),
        )  # fmt: skip

    def _write(self, writes: Writes) -> None:
        columns = (writes.event_workflows, writes.event_seqs, writes.event_types, writes.event_tasks)
        for workflow_id, seq, type_, task, data in zip(*columns, writes.event_data, strict=True):
            self._workflows[workflow_id].events.append(Event(seq, type_, task, orjson.loads(data), self.now))
        results = zip(writes.workflows, writes.statuses, writes.outputs, writes.errors, strict=True)
        for workflow_id, status, output, error in results:
            workflow = self._workflows[workflow_id]
            workflow.status = Status(status)
            workflow.output = None if output is None else orjson.loads(output)
            workflow.error = None if error is None else orjson.loads(error)
            if workflow.status.is_terminal:
                self._jobs.pop(workflow_id, None)
        for workflow_id, seq in zip(writes.ended_jobs_of, writes.ended_jobs, strict=True):
            self._jobs.get(workflow_id, {}).pop(seq, None)
        self._write_jobs(writes)

    def _write_jobs(self, writes: Writes) -> None:
        keys = zip(writes.jobs_of, writes.jobs, strict=True)
        rest = zip(writes.job_kinds, writes.job_due_at, writes.job_tokens, strict=True)
        for (workflow_id, seq), (kind, due_at, token) in zip(keys, rest, strict=True):
            due = self.now if due_at is None else datetime.fromisoformat(due_at)
            self._jobs[workflow_id][seq] = _Job(
                kind, due if token is None else self.now + self._lease, 0 if token is None else 1, token
            )


def _through_json(value: JsonObject) -> JsonObject:
    """The object as it would be read back from the database."""
    read: JsonObject = orjson.loads(orjson.dumps(canonical(value)))
    return read
