"""Turns: workflows that are claimed, decided upon and committed together, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection, AsyncCursor

from pgworker.dsl.v1_0.registered import registered_functions
from pgworker.engine.events import Event
from pgworker.engine.inputs import ChildReported, CloudEventArrived
from pgworker.engine.state import Status
from pgworker.store.arrays import plain
from pgworker.store.correspondence import CorrespondenceWriter
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.store.outlook import Lookout, Outlook
from pgworker.store.snapshots import FORMAT
from pgworker.store.tracing import Origin, OriginReader
from pgworker.store.writes import Snapshot, Writes
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to record the result of one activity: the job's key and the token it was leased with."""

    workflow_id: str
    seq: int
    token: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A workflow that this turn holds.

    ``history`` is what the session has not folded yet, ``due`` the seqs of the decide jobs that brought it
    here, ``done`` those of the finished activities whose lease still holds, ``strikes`` how often deciding
    failed before. ``mail`` holds the CloudEvents that it may want, ``children`` how those workflows are that
    it started and is told of now. A history that ``is_long`` and not folded is not part of the claim.
    """

    workflow_id: str
    namespace: str
    name: str
    version: str
    last_seq: int
    priority: int
    due: Sequence[int]
    strikes: int
    done: Sequence[int]
    history: Sequence[Event]
    is_long: bool = False
    mail: Sequence[CloudEventArrived] = ()
    children: Sequence[ChildReported] = ()

    @property
    def definition(self) -> tuple[str, str, str]:
        """Namespace, name and version of its definition."""
        return self.namespace, self.name, self.version

    @property
    def folded_seq(self) -> int:
        """The seq up to which the session has folded the history; 0 if it has folded nothing."""
        return self.history[0].seq - 1 if self.history else self.last_seq


@dataclass(frozen=True, slots=True)
class Past:
    """What a state is rebuilt from: a snapshot, if there is one, and the events after it."""

    snapshot: bytes | None
    history: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: the workflows, and the database's time of the transaction (UTC)."""

    now: datetime
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class ClaimedActivity:
    """An activity that was leased to this worker, with the data of the event that scheduled it."""

    lease: Lease
    task: str
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claim asks for: so many workflows that are due, and those whose activities are finished."""

    batch: int
    done: Sequence[Lease] = ()


_PUT_OFF_SECONDS = 0.2


class TurnConnection:
    """The connection on which the turns of one worker are made, one after the other.

    ``session`` names this connection's life: what the database believes of this worker's memory is bound to
    it, so that a new connection starts from nothing.
    """

    def __init__(
        self, database: Database, connection: AsyncConnection[Any], worker_id: str, lease: float
    ) -> None:
        self.session = str(uuid4())
        self._connection = connection
        self._worker_id = worker_id
        self._lease = timedelta(seconds=lease)
        self._claim_turn = database.statement(
            "select t.*, now() from (select) one left join {schema}.claim_turn(%s::uuid, %s, %s::uuid[],"
            " %s::uuid[]) t on true"
        )
        self._claim_activities = database.statement("select * from {schema}.claim_activities(%s, %s, %s)")
        self._letters = CorrespondenceWriter(database)
        self._commit_turn = database.statement(
            "select {schema}.commit_turn(%s::uuid, %s, %s, %s::uuid[], %s::bigint[], %s::text[], %s::text[],"
            " %s::jsonb[], %s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::jsonb[], %s::jsonb[],"
            " %s::uuid[], %s::bigint[], %s::uuid[], %s::bigint[], %s::text[], %s::timestamptz[],"
            " %s::text[], %s::integer[], %s::uuid[], %s::uuid[], %s::jsonb[])"
        )
        self._read = database.statement(
            "select workflow_id, snapshot, history from {schema}.histories_of(%s::uuid[], %s::integer[])"
        )
        self._keep_snapshots = database.statement(
            "select {schema}.keep_snapshots(%s::uuid[], %s::bigint[], %s::integer[], %s, %s::text[])"
        )
        self._definition = database.statement(
            "select document, (select json_object_agg(r.uri, r.content) from {schema}.resources r"
            " where r.namespace = d.namespace and r.name = d.name and r.version = d.version),"
            " (select array_agg(f.name) from {schema}.functions f)"
            " from {schema}.definitions d where namespace = %s and name = %s and version = %s"
        )
        self._put_off = database.statement("select {schema}.put_off(%s::uuid[], %s)")
        self._hold = database.statement("select {schema}.hold_jobs(%s::uuid[])")
        self._declare_idle = database.statement("select {schema}.declare_idle(%s, %s)")
        self._lookout = Lookout(database)
        self._origins = OriginReader(database)
        self._postpone = database.statement("select {schema}.postpone_turn(%s::uuid, %s)")
        self._note_problems = database.statement("select {schema}.note_problems(%s, %s, %s, %s)")
        self._give_back = database.statement(
            "select {schema}.release_activities("
            "array_agg(workflow_id), array_agg(seq), array_agg(lease_token)) from {schema}.jobs"
            " where kind = 'perform' and worker_id = %s and lease_token <> all (%s::uuid[])"
            " having count(*) > 0"
        )
        self._declare = database.statement("select {schema}.declare_functions(%s)")
        self._register = database.statement("select {schema}.register_worker(%s, %s, %s, %s, %s, %s, %s)")

    async def register(self, host: str, pid: int, version: str, *, slots: int, busy: int, idle: bool) -> None:
        """Makes the worker known to the others."""
        with translated():
            await self._connection.execute(
                self._register, [self._worker_id, host, pid, version, slots, busy, idle]
            )

    async def declare_functions(self, names: Sequence[str]) -> None:
        """Lets documents call the Python functions that this worker has; a turn goes on if that fails."""
        with translated():
            async with self._connection.transaction():
                await self._connection.execute(self._declare, [list(names)])

    async def give_back(self, held: Sequence[Lease]) -> None:
        """Gives back what is leased to this worker and not among ``held``, as if it had not been leased."""
        with translated():
            await self._connection.execute(
                self._give_back, [self._worker_id, plain(lease.token for lease in held)]
            )

    async def claim(self, wanted: Wanted) -> Claimed:
        """Begins a transaction and claims; it stays open until ``commit`` or ``abandon``."""
        with translated():
            async with self._connection.pipeline():
                await self._connection.execute("begin")
                cursor = await self._send_claim(wanted)
            return await _claimed(cursor)

    async def commit_and_claim(
        self, parts: Iterable[Writes], ending: Callable[[], tuple[int, Wanted]]
    ) -> tuple[list[ClaimedActivity], Claimed]:
        """Writes the turn, leases activities, ends the transaction, and claims for the next.

        All in one round trip: the database writes each part of the turn while the next is being decided.
        When the last one is there, ``ending`` says how many activities to lease, which can begin at once,
        and what to claim.
        """
        with translated():
            async with self._connection.pipeline():
                for writes in parts:
                    await self._send_writes(writes)
                slots, wanted = ending()
                leased = await self._send_lease(slots)
                await self._connection.execute("commit")
                await self._connection.execute("begin")
                cursor = await self._send_claim(wanted)
            return await _activities(leased), await _claimed(cursor)

    async def end(self, slots: int) -> list[ClaimedActivity]:
        """Leases up to ``slots`` activities and ends the transaction, in which there was nothing to write."""
        with translated():
            async with self._connection.pipeline():
                leased = await self._send_lease(slots)
                await self._connection.execute("commit")
            return await _activities(leased)

    async def abandon(self) -> None:
        """Ends the open transaction without writing anything."""
        with translated():
            await self._connection.execute("rollback")

    async def read(self, workflow_ids: Sequence[str]) -> dict[str, Past]:
        """What the states of workflows are rebuilt from."""
        with translated():
            cursor = await self._connection.execute(self._read, [plain(workflow_ids), plain([FORMAT])])
            return {
                workflow_id: Past(snapshot, [_event(*event) for event in history or ()])
                for workflow_id, snapshot, history in await cursor.fetchall()
            }

    async def definition(self, namespace: str, name: str, version: str) -> tuple[JsonObject, JsonObject]:
        """A definition's document (an empty one if it has gone), and what it may refer to, by address.

        That is what was loaded for it, and the Python functions that were declared.
        """
        with translated():
            cursor = await self._connection.execute(self._definition, [namespace, name, version])
            row = await cursor.fetchone()
        if row is None:
            return {}, {}
        document, loaded, functions = row
        return document, {**(loaded or {}), **registered_functions(functions or ())}

    async def origins(self, workflow_ids: Sequence[str]) -> Mapping[str, Origin]:
        """Where workflows come from, for traces; those that are not there are left out."""
        with translated():
            return await self._origins.read(self._connection, workflow_ids)

    async def declare_idle(self, idle: bool) -> None:
        """Says whether this worker wants to be notified of new jobs."""
        with translated():
            await self._connection.execute(self._declare_idle, [self._worker_id, idle])

    async def outlook(self, *, performs: bool, beats: bool) -> Outlook:
        """When there is something to do; activities count if the worker ``performs`` more of them.

        It ``beats`` as a heartbeat of a worker that holds no lease.
        """
        worker_id = self._worker_id if beats else None
        return await self._lookout.look(
            self._connection, performs=performs, worker_id=worker_id, lease=self._lease
        )

    async def postpone(self, workflow_id: str, seconds: float) -> int:
        """Puts a workflow's turn off, outside of a transaction; returns its strikes."""
        with translated():
            cursor = await self._connection.execute(self._postpone, [workflow_id, timedelta(seconds=seconds)])
            row = await cursor.fetchone()
        return 0 if row is None else int(row[0])

    async def put_off(self, workflow_id: str, seconds: float) -> None:
        """Lets a workflow's turn come later, outside of a transaction; it is no strike."""
        with translated():
            await self._connection.execute(self._put_off, [plain([workflow_id]), timedelta(seconds=seconds)])

    async def note_problems(self, namespace: str, name: str, version: str, problems: str | None) -> None:
        """Keeps what is wrong with a definition; None that nothing is any more."""
        with translated():
            await self._connection.execute(self._note_problems, [namespace, name, version, problems])

    async def close(self) -> None:
        """Closes the connection, whatever state it is in."""
        with suppress(psycopg.Error):
            await self._connection.close()

    async def _send_writes(self, writes: Writes) -> None:
        await self._connection.execute(
            self._commit_turn, [self.session, self._worker_id, self._lease, *writes.parameters()]
        )
        await self._letters.send(self._connection, writes.letters)
        if writes.snapshots:
            await self._connection.execute(self._keep_snapshots, _snapshot_columns(writes.snapshots))
        if writes.put_off:
            await self._connection.execute(
                self._put_off, [plain(writes.put_off), timedelta(seconds=_PUT_OFF_SECONDS)]
            )
        if writes.held:
            await self._connection.execute(self._hold, [plain(writes.held)])

    async def _send_lease(self, slots: int) -> AsyncCursor[Any] | None:
        if slots <= 0:
            return None
        return await self._connection.execute(self._claim_activities, [self._worker_id, slots, self._lease])

    async def _send_claim(self, wanted: Wanted) -> AsyncCursor[Any]:
        return await self._connection.execute(
            self._claim_turn,
            [
                self.session,
                wanted.batch,
                plain(lease.workflow_id for lease in wanted.done),
                plain(lease.token for lease in wanted.done),
            ],
        )


def _snapshot_columns(snapshots: Sequence[Snapshot]) -> list[Any]:
    return [
        plain(snapshot.workflow_id for snapshot in snapshots),
        plain(snapshot.seq for snapshot in snapshots),
        plain(FORMAT for _ in snapshots),
        [snapshot.state for snapshot in snapshots],
        plain(snapshot.digest for snapshot in snapshots),
    ]


async def _claimed(cursor: AsyncCursor[Any]) -> Claimed:
    rows = await cursor.fetchall()
    return Claimed(
        now=rows[0][-1].astimezone(UTC), claims=[_claim(row) for row in rows if row[0] is not None]
    )


async def _activities(cursor: AsyncCursor[Any] | None) -> list[ClaimedActivity]:
    if cursor is None:
        return []
    return [
        ClaimedActivity(Lease(workflow_id, seq, token, attempt), task, data)
        for workflow_id, seq, attempt, token, task, data in await cursor.fetchall()
    ]


def _claim(row: Sequence[Any]) -> Claim:
    *columns, history, is_long, mail, children, _now = row
    events = [_event(*event) for event in history or ()]
    letters = [CloudEventArrived(*letter) for letter in mail or ()]
    return Claim(*[*columns, events, is_long, letters, [_report(*child) for child in children or ()]])


def _report(start: int, status: str, output: JsonValue, error: JsonObject | None) -> ChildReported:
    return ChildReported(start, Status(status), output, error)


def _event(seq: int, type_: str, task: str | None, data: JsonObject, at: str) -> Event:
    return Event(seq, type_, task, data, datetime.fromisoformat(at))
