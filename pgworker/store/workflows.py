"""Workflows as their users see them: define, start, steer, wait, read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from pgworker.engine.state import Status
from pgworker.errors import NotFound, StoreRefused, WaitTimedOut
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.store.patience import Pauses, patiently
from pgworker.store.publishing import PUBLISH, PublishRequest
from pgworker.store.rows import (
    ActivityRow,
    Head,
    HistoryRow,
    JobRow,
    LifecycleRow,
    Outcome,
    ProgressRow,
    TaskRow,
    WorkerRow,
    Workflow,
)
from pgworker.store.starting import START, StartRequest, json_text
from pgworker.types import JsonObject, JsonValue

_GET: LiteralString = """
    select id, namespace, name, version, status, input, output, error, last_seq, parent_id, labels,
           idempotency_key, priority, created_at, started_at, ended_at
    from {schema}.workflows
    where id = %(id)s
"""
_LIST: LiteralString = """
    select id, namespace, name, version, status, input, output, error, last_seq, parent_id, labels,
           idempotency_key, priority, created_at, started_at, ended_at
    from {schema}.workflows
    where (%(namespace)s::text is null or namespace = %(namespace)s)
      and (%(name)s::text is null or name = %(name)s)
      and (%(statuses)s::text[] is null or status = any (%(statuses)s))
      and (not %(ended_badly)s or error is not null)
      and (%(labels)s::jsonb = '{{}}' or labels @> %(labels)s::jsonb and labels <> '{{}}')
      and (%(before)s::uuid is null
           or (created_at, id) < (select created_at, id from {schema}.workflows where id = %(before)s))
    order by created_at desc, id desc
    limit %(limit)s
"""
_HISTORY: LiteralString = """
    select workflow_id, seq, occurred_at, elapsed, type, name, task, iteration, duration, input, output,
           error, data, actor
    from {schema}.history
    where workflow_id = %(id)s and seq > %(after)s
    order by seq
"""
_PROGRESS: LiteralString = """
    select seq, type, name, task, iteration, duration,
           case when type = 'task.retried' then (data ->> 'attempt')::integer end as attempt, error
    from {schema}.history
    where workflow_id = %(id)s and seq > %(after)s
    order by seq
    limit 1000
"""
_TASKS: LiteralString = """
    select workflow_id, seq, task, name, kind, status, attempt, iteration, input, output, error, started_at,
           ended_at
    from {schema}.tasks
    where workflow_id = %(id)s
    order by seq
"""
_LIFECYCLE: LiteralString = """
    select workflow_id, seq, id, source, type, subject, time, data, cloud_event
    from {schema}.lifecycle_events
    where workflow_id = %(id)s
    order by seq, position
"""
_WORKERS: LiteralString = """
    select id, host, pid, version, slots, busy, idle, started_at, heartbeat_at, busy_since,
           output_bytes
    from {schema}.workers
    order by started_at, id
"""
_ACTIVITIES: LiteralString = """
    select name, activity, attempt, running, output_bytes, messages, worker_id, workflow_id, seq, task,
           running_since, leased_until
    from {schema}.activities
    where workflow_id = coalesce(%(id)s, workflow_id)
    order by running_since, workflow_id, seq
    limit %(limit)s
"""
_JOBS: LiteralString = """
    select workflow_id, seq, kind, due_at, priority, attempt, worker_id, leased_until, created_at,
           running_since, output_bytes, messages
    from {schema}.jobs
    order by kind, priority desc, namespace, due_at
    limit %(limit)s
"""
_ENDED_BADLY = frozenset({"FAILED", "CANCELLED"})
"""They have an error, and an index of those that do."""

_LONGEST_PAUSE = 0.1

_FIRST_LOOK = 1.0
"""Whoever does not want to wait at all gives it so many seconds to be looked at."""

Row = TypeVar("Row")


class Workflows:
    """The public functions and relations of the schema, on the connections of a pool."""

    def __init__(self, database: Database, pool: AsyncConnectionPool) -> None:
        self._database = database
        self._pool = pool

    async def define(self, definition: JsonObject) -> str:
        """Stores one version of a definition; returns ``namespace/name:version``.

        Raises ``Conflict`` if that version exists with other content.
        """
        return str(
            await self._call("select {schema}.define_workflow(%(d)s::jsonb)", {"d": json_text(definition)})
        )

    async def declare_functions(self, names: Sequence[str] = ()) -> list[str]:
        """Lets documents call Python functions of these names; returns all names that are known."""
        return list(await self._call("select {schema}.declare_functions(%(names)s)", {"names": list(names)}))

    async def start(self, request: StartRequest) -> str:
        """Starts a workflow; returns its id. Raises ``NotFound`` if nothing is defined under the name."""
        return str(await self._call(START, request.parameters()))

    async def append(self, workflow_id: str, type: str, data: JsonValue = None) -> int:
        """Appends an event to the history; returns its sequence number."""
        return int(
            await self._call(
                "select {schema}.append_event(%(id)s, %(type)s, %(data)s::jsonb)",
                {"id": workflow_id, "type": type, "data": None if data is None else json_text(data)},
            )
        )

    async def publish(self, request: PublishRequest) -> str:
        """Publishes a CloudEvent; returns our id for it, the same one for the same source and id."""
        return str(await self._call(PUBLISH, request.parameters()))

    async def cancel(self, workflow_id: str, reason: str | None = None) -> bool:
        """Cancels a workflow; false if it has ended already."""
        return bool(
            await self._call(
                "select {schema}.cancel_workflow(%(id)s, %(reason)s)", {"id": workflow_id, "reason": reason}
            )
        )

    async def pause(self, workflow_id: str, reason: str | None = None) -> bool:
        """Pauses a workflow; false if it has ended or is paused already."""
        return bool(
            await self._call(
                "select {schema}.pause_workflow(%(id)s, %(reason)s)", {"id": workflow_id, "reason": reason}
            )
        )

    async def resume(self, workflow_id: str) -> bool:
        """Lets a paused workflow go on; false if it is not paused."""
        return bool(await self._call("select {schema}.resume_workflow(%(id)s)", {"id": workflow_id}))

    async def retry(self, workflow_id: str, from_task: str | None = None) -> bool:
        """Lets a failed workflow go on; false if it has not failed."""
        return bool(
            await self._call(
                "select {schema}.retry_workflow(%(id)s, %(from)s)", {"id": workflow_id, "from": from_task}
            )
        )

    async def get(self, workflow_id: str) -> Workflow:
        """One workflow; raises ``NotFound``."""
        return _only(await self._rows(Workflow, _GET, {"id": workflow_id}), workflow_id)

    async def head(self, workflow_id: str) -> Head:
        """How far one workflow has come; raises ``NotFound``."""
        statement: LiteralString = "select status, last_seq from {schema}.workflows where id = %(id)s"
        return _only(await self._rows(Head, statement, {"id": workflow_id}), workflow_id)

    async def outcome(self, workflow_id: str) -> Outcome:
        """How one workflow stands, without the right to read tables; raises ``NotFound``."""
        statement: LiteralString = "select status, output, error from {schema}.workflow_outcome(%(id)s)"
        return _only(await self._rows(Outcome, statement, {"id": workflow_id}), workflow_id)

    async def ended(self, workflow_id: str, timeout: float | None = None) -> Outcome:
        """The outcome of a workflow once it has ended; ``timeout`` in seconds. Raises ``WaitTimedOut``.

        It looks again and again, from here: a wait inside the database would hold a connection.
        """
        pauses = Pauses(_LONGEST_PAUSE)
        status = "unknown"
        if timeout is not None and math.isnan(timeout):
            raise ValueError("the timeout is not a number of seconds")
        until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        try:
            async with asyncio.timeout(None if timeout is None else max(timeout, _FIRST_LOOK)) as limit:
                while True:
                    outcome = await patiently(lambda: self.outcome(workflow_id))
                    if outcome.is_finished:
                        return outcome
                    status = outcome.status
                    limit.reschedule(until)
                    await pauses.take()
        except TimeoutError:
            raise WaitTimedOut(
                f"the workflow {workflow_id} is still {status} after {timeout:g} s",
                hint="Wait longer, or see whether a worker is running: select * from workers.",
            ) from None

    async def list(
        self,
        *,
        namespace: str | None = None,
        name: str | None = None,
        statuses: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> Sequence[Workflow]:
        """Workflows that match all filters, newest first; ``before`` is the id that a page ended with.

        Raises ``StoreRefused`` for a status that there is not, and ``NotFound`` if ``before`` is gone.
        """
        if unknown := set(statuses or ()) - {*Status}:
            raise StoreRefused(
                f"no workflow has the status {min(unknown)!r}", hint=f"Statuses are {', '.join(Status)}."
            )
        rows = await self._rows(
            Workflow,
            _LIST,
            {
                "namespace": namespace,
                "name": name,
                "statuses": list_or_none(statuses),
                "ended_badly": _ENDED_BADLY.issuperset(statuses or ["any"]),
                "labels": json_text(dict(labels or {})),
                "before": before,
                "limit": limit,
            },
        )
        if before is not None and not rows:
            await self.head(before)
        return rows

    async def history(self, workflow_id: str, after_seq: int = 0) -> Sequence[HistoryRow]:
        """The events after a sequence number, with the values that they speak of."""
        return await self._rows(HistoryRow, _HISTORY, {"id": workflow_id, "after": after_seq})

    async def progress(self, workflow_id: str, after_seq: int = 0) -> Sequence[ProgressRow]:
        """Up to a thousand events after a sequence number, without values."""
        return await self._rows(ProgressRow, _PROGRESS, {"id": workflow_id, "after": after_seq})

    async def tasks(self, workflow_id: str) -> Sequence[TaskRow]:
        """Each time that a task ran, is running or was skipped, in the order in which they began."""
        return await self._rows(TaskRow, _TASKS, {"id": workflow_id})

    async def lifecycle(self, workflow_id: str) -> Sequence[LifecycleRow]:
        """The lifecycle events of the specification that the history tells."""
        return await self._rows(LifecycleRow, _LIFECYCLE, {"id": workflow_id})

    async def workers(self) -> Sequence[WorkerRow]:
        """The worker processes that are alive, or were until a moment ago."""
        return await self._rows(WorkerRow, _WORKERS, {})

    async def activities(self, workflow_id: str | None, limit: int) -> Sequence[ActivityRow]:
        """What is being performed, the longest first."""
        return await self._rows(ActivityRow, _ACTIVITIES, {"id": workflow_id, "limit": limit})

    async def jobs(self, limit: int = 100) -> Sequence[JobRow]:
        """What is to be done, the most urgent first."""
        return await self._rows(JobRow, _JOBS, {"limit": limit})

    async def _call(self, statement: LiteralString, parameters: Mapping[str, Any]) -> Any:
        with translated():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(self._database.statement(statement), parameters)
                row = await cursor.fetchone()
                return None if row is None else row[0]

    async def _rows(
        self, kind: type[Row], statement: LiteralString, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        with translated():
            async with self._pool.connection() as connection:
                cursor = connection.cursor(row_factory=class_row(kind))
                await cursor.execute(self._database.statement(statement), parameters)
                return await cursor.fetchall()


def list_or_none(values: Sequence[str] | None) -> list[str] | None:
    """A filter's values as an array; no values filter nothing."""
    return list(values) if values else None


def _only(rows: Sequence[Row], workflow_id: str) -> Row:
    if not rows:
        raise NotFound(f"there is no workflow {workflow_id}")
    return rows[0]
