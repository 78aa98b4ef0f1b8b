"""The client: an open door to the workflows of one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from pgworker.client.carrying import exported, imported
from pgworker.client.documents import compiled
from pgworker.client.health import health
from pgworker.client.travel import Moment, moment
from pgworker.client.verification import Verified, verify
from pgworker.errors import PgworkerError, WorkflowFailed
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.inspection import Inspection
from pgworker.store.operations import Operations, Row
from pgworker.store.patience import Pauses, patiently
from pgworker.store.pool import open_pool
from pgworker.store.publishing import EventAttributes, PublishRequest
from pgworker.store.readiness import check_prepared
from pgworker.store.rows import (
    FINISHED,
    ActivityRow,
    HistoryRow,
    JobRow,
    LifecycleRow,
    Outcome,
    ProgressRow,
    TaskRow,
    WorkerRow,
    Workflow,
)
from pgworker.store.starting import NO_INPUT, StartOptions, StartRequest
from pgworker.store.workflows import Workflows
from pgworker.types import JsonObject, JsonValue

_LONGEST_PAUSE = 0.05


_WIDEST = 1000
"""A chart is not drawn wider."""


class Client:
    """Defines, starts, steers, waits for and reads workflows.

    Without a ``url`` the settings say which database, and without a ``schema`` which schema. Opening it
    raises ``SettingsError``, ``DatabaseUnavailable``, or ``StoreRefused`` for a database without the schema.
    """

    def __init__(self, url: str | None = None, schema: str | None = None) -> None:
        self._url = url
        self._schema = schema
        self._resources = AsyncExitStack()
        self._opened: tuple[Workflows, Operations] | None = None

    async def __aenter__(self) -> Self:
        database = self._database()
        await check_prepared(database)
        pool = await self._resources.enter_async_context(open_pool(database, "client"))
        self._opened = Workflows(database, pool), Operations(database, pool)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened = None
        await self._resources.aclose()

    def _database(self) -> Database:
        if self._url is not None and self._schema is not None:
            return Database(self._url, self._schema)
        settings = Settings.load()
        return Database(
            settings.database if self._url is None else self._url,
            settings.db_schema if self._schema is None else self._schema,
        )

    @property
    def _workflows(self) -> Workflows:
        return self._rooms[0]

    @property
    def _operations(self) -> Operations:
        return self._rooms[1]

    @property
    def _rooms(self) -> tuple[Workflows, Operations]:
        if self._opened is None:
            raise PgworkerError(
                "the client is not open", hint="Use it inside `async with Client(...) as client:`."
            )
        return self._opened

    async def define(
        self, document: str | bytes | Path | JsonObject, *, functions: Sequence[str] = ()
    ) -> str:
        """Stores a definition and returns ``namespace/name:version``; the same content again changes nothing.

        A text is the document itself, YAML or JSON; a ``Path`` is a file that holds it. It may
        call Python functions that workers have registered, and ``functions`` that one will have. Raises
        ``DocumentError``, and ``Conflict`` if that version exists with other content.
        """
        known = await self._workflows.declare_functions(functions)
        return await self._workflows.define(compiled(document, functions=known).plan.definition)

    async def functions(self) -> Sequence[str]:
        """The names of the Python functions that documents may call."""
        return await self._workflows.declare_functions()

    async def start(self, name: str, input: JsonValue = NO_INPUT, **options: Unpack[StartOptions]) -> str:
        """Starts a workflow and returns its id; the newest version if none is given.

        The same ``idempotency_key`` for the same name returns the workflow that it started before. Raises
        ``NotFound`` if nothing is defined under the name, ``ValueRefused`` for an input that is no JSON.
        """
        return await self._workflows.start(StartRequest(name=name, input=input, **options))

    async def outcome(self, workflow_id: str) -> Outcome:
        """How a workflow stands and, once it has ended, its output or error; raises ``NotFound``.

        As all that starts and steers workflows, it does not take the right to read them.
        """
        return await self._workflows.outcome(workflow_id)

    async def wait(self, workflow_id: str, timeout: float | None = None) -> Workflow:
        """The workflow once it has ended, however; ``timeout`` in seconds. Raises ``WaitTimedOut``.

        It takes the right to read workflows; ``result`` does not.
        """
        await self._workflows.ended(workflow_id, timeout)
        return await patiently(lambda: self._workflows.get(workflow_id))

    async def result(self, workflow_id: str, timeout: float | None = None) -> JsonValue:
        """The output of a workflow once it has completed; ``timeout`` in seconds.

        Raises ``WorkflowFailed`` for one that failed or was cancelled, and ``WaitTimedOut``.
        """
        outcome = await self._workflows.ended(workflow_id, timeout)
        if outcome.status == "COMPLETED":
            return outcome.output
        raise failure_of(workflow_id, outcome)

    async def follow(self, workflow_id: str, after_seq: int = 0) -> AsyncIterator[ProgressRow]:
        """The events of a workflow as they happen, until it has ended."""
        pauses = Pauses(_LONGEST_PAUSE)
        seq = after_seq
        while True:
            head = await patiently(lambda: self._workflows.head(workflow_id))
            if head.last_seq > seq:
                for row in await self._progress(workflow_id, seq):
                    yield row
                    seq = row.seq
                pauses.reset()
            elif head.is_finished:
                return
            await pauses.take()

    async def _progress(self, workflow_id: str, after_seq: int) -> Sequence[ProgressRow]:
        return await patiently(lambda: self._workflows.progress(workflow_id, after_seq))

    async def get(self, workflow_id: str) -> Workflow:
        """One workflow; raises ``NotFound``."""
        return await self._workflows.get(workflow_id)

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
        return await self._workflows.list(
            namespace=namespace, name=name, statuses=statuses, labels=labels, before=before, limit=limit
        )

    async def history(self, workflow_id: str, after_seq: int = 0) -> Sequence[HistoryRow]:
        """The events of a workflow, with the values that they speak of."""
        return await self._workflows.history(workflow_id, after_seq)

    async def tasks(self, workflow_id: str) -> Sequence[TaskRow]:
        """Each time that a task of the workflow ran, is running or was skipped."""
        return await self._workflows.tasks(workflow_id)

    async def lifecycle(self, workflow_id: str) -> Sequence[LifecycleRow]:
        """The lifecycle events of a workflow and its tasks, each a CloudEvent of the specification's."""
        return await self._workflows.lifecycle(workflow_id)

    async def append_event(self, workflow_id: str, type: str, data: JsonValue = None) -> int:
        """Appends an event to a workflow's history and returns its sequence number."""
        return await self._workflows.append(workflow_id, type, data)

    async def publish(self, type: str, data: JsonValue = None, **attributes: Unpack[EventAttributes]) -> str:
        """Publishes a CloudEvent and returns our id for it, which is its ``id`` too if it was given none.

        The same ``source`` and ``id`` again is the same event, and nothing is published twice. Raises
        ``StoreRefused`` for an event without a type, ``ValueRefused`` for data that is no JSON.
        """
        return await self._workflows.publish(PublishRequest(type=type, data=data, **attributes))

    async def cancel(self, workflow_id: str, reason: str | None = None) -> bool:
        """Cancels a workflow; false if it has ended already. Raises ``NotFound``."""
        return await self._workflows.cancel(workflow_id, reason)

    async def pause(self, workflow_id: str, reason: str | None = None) -> bool:
        """Pauses a workflow; false if it has ended or is paused already. Raises ``NotFound``.

        What is being performed is finished; nothing else begins, fires or is consumed until it is resumed.
        """
        return await self._workflows.pause(workflow_id, reason)

    async def resume(self, workflow_id: str) -> bool:
        """Lets a paused workflow go on; false if it is not paused. Raises ``NotFound``."""
        return await self._workflows.resume(workflow_id)

    async def retry(self, workflow_id: str, from_task: str | None = None) -> bool:
        """Lets a failed workflow go on; false if it is not FAILED.

        It goes on from the task that failed, or from ``from_task`` (a name or JSON Pointer). Raises
        ``NotFound``, also for a task that the workflow has not run.
        """
        return await self._workflows.retry(workflow_id, from_task)

    def verify(self, workflow_id: str | None = None) -> AsyncIterator[Verified]:
        """Checks every invariant, of the whole database or of one workflow, and tells of it bit by bit.

        The database may be in use. Whatever is wrong comes as a ``Flaw``; none means that history, rows,
        snapshots and queue agree.
        """
        return verify(self._database(), workflow_id)

    async def count(self) -> int:
        """How many workflows there are, of all statuses."""
        return await Inspection(self._database()).count()

    async def waiting(self, limit: int = 100) -> Sequence[Row]:
        """What the workflows that have not ended wait for, the oldest first: rows of the view ``waiting``."""
        return await self._operations.view("waiting", limit)

    async def failures(self, limit: int = 100) -> Sequence[Row]:
        """The failed workflows, alike ones together, the latest first: rows of the view ``failures``."""
        return await self._operations.view("failures", limit)

    async def schedules(self, limit: int = 100) -> Sequence[Row]:
        """What is scheduled: rows of the table ``schedules``."""
        return await self._operations.view("schedules", limit)

    async def health(self) -> Sequence[Row]:
        """How the engine is, topic by topic: rows of the view ``health``.

        With them the same of the schema's version, and of this machine's clock and the database's.
        """
        return await health(self._database(), self._operations)

    async def state_at(self, workflow_id: str, at: int | datetime | None = None) -> Sequence[Row]:
        """Every task that a workflow had begun by then, with status, input and output as history stood.

        ``at`` is the number of an event, or a time (local, if it does not say); None is now. Raises
        ``NotFound``.
        """
        return await self._operations.state_at(workflow_id, at)

    async def moment(self, workflow_id: str, at: int | datetime | None = None) -> Moment:
        """How a workflow stood by then: status, context, data, open tasks, and what the next event changed.

        ``at`` is the number of an event, or a time (local, if it does not say); None is now. Raises
        ``NotFound``.
        """
        number = await self._operations.number(workflow_id, at)
        return await moment(self._database(), workflow_id, number)

    async def timeline(self, workflow_id: str, width: int = 40) -> Sequence[Row]:
        """A Gantt chart of a workflow's tasks, 10 to 1000 characters wide. Raises ``NotFound``."""
        return await self._operations.timeline(workflow_id, max(0, min(width, _WIDEST)))

    async def purge(
        self, older_than: timedelta, statuses: Collection[str] = FINISHED, batch: int = 1000
    ) -> AsyncIterator[int]:
        """Removes workflows that ended longer ago, whole, batch by batch; tells how many each time.

        With them go the CloudEvents of that age that nobody can consume any more, which are not counted.
        """
        while any(purged := await self._operations.purge(older_than, statuses, batch)):
            yield purged.workflows

    def export(self, workflow_id: str) -> AsyncIterator[str]:
        """A workflow and those that it started, whole, as the lines of a file; raises ``NotFound``."""
        return exported(self._database(), workflow_id)

    async def import_(self, lines: Iterable[str]) -> Sequence[str]:
        """Takes exported workflows in, all or none, and returns their ids, the exported one first.

        They come as they were, with ids, numbers and times, and must have ended. Raises ``ImportRefused`` for
        what is no whole and sound export, ``Conflict`` for what is here already, and ``StoreRefused`` for who
        is not the schema's owner. A definition comes without its schedule.
        """
        return await imported(self._database(), lines)

    async def workers(self) -> Sequence[WorkerRow]:
        """The worker processes that are alive, or were until a moment ago."""
        return await self._workflows.workers()

    async def activities(self, workflow_id: str | None = None, limit: int = 100) -> Sequence[ActivityRow]:
        """What is being performed (for one workflow, or for all), the longest first, and how far it is."""
        return await self._workflows.activities(workflow_id, limit)

    async def jobs(self, limit: int = 100) -> Sequence[JobRow]:
        """What is to be done, the most urgent first."""
        return await self._workflows.jobs(limit)


def failure_of(workflow_id: str, outcome: Outcome | Workflow) -> WorkflowFailed:
    """What is raised for a workflow that ended otherwise than COMPLETED."""
    problem = outcome.error or {}
    detail = problem.get("detail") or problem.get("title") or "no reason was given"
    return WorkflowFailed(
        f"the workflow {workflow_id} is {outcome.status}: {detail}",
        outcome.error,
        cancelled=outcome.status == "CANCELLED",
    )
