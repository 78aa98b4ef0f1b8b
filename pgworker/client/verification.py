"""Verification: whether a database is as it has to be, checked against itself and against a replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgworker.dsl.compile import compile_value
from pgworker.engine.correlating import Correlation
from pgworker.engine.events import TERMINAL, Event, lacking
from pgworker.engine.evolve import evolve
from pgworker.engine.state import State, Status
from pgworker.errors import DocumentError, NotFound
from pgworker.store.calendar import EARLIEST, LATEST
from pgworker.store.database import Database
from pgworker.store.inspection import Flaw, Inspection, KeptSnapshot, Shared, Standing, Stretch
from pgworker.store.snapshots import FORMAT, digest, restore

_AT_ONCE = timedelta(minutes=1)
"""Transactions that begin at the same time end so long after one another, at most."""

_CORRUPT = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What folding raises for a history, or restoring for a snapshot, that no engine has written."""


@dataclass(frozen=True, slots=True)
class Verified:
    """How many workflows have been looked at more, and what is wrong with them."""

    workflows: int
    flaws: tuple[Flaw, ...]


async def verify(database: Database, workflow_id: str | None = None) -> AsyncIterator[Verified]:
    """Checks every invariant over the whole database, or one workflow; tells of it stretch by stretch.

    The database may be in use: each stretch is seen as of one moment. Raises ``DatabaseUnavailable``, and
    ``NotFound`` where there is nothing of the one workflow.
    """
    inspection = Inspection(database)
    if workflow_id is not None:
        async with inspection.only(workflow_id) as stretch:
            verified = await _verified(stretch)
            if not verified.workflows and not verified.flaws:
                raise NotFound(f"there is no workflow {workflow_id}")
            yield verified
        return
    async with inspection.shared() as shared:
        flaws = [*await shared.flaws(), *[flaw async for flaw in _misnamed(shared)]]
        yield Verified(0, (*flaws, *[flaw async for flaw in _late(shared)]))
    async with aclosing(inspection.stretches()) as stretches:
        async for stretch in stretches:
            yield await _verified(stretch)


async def _misnamed(shared: Shared) -> AsyncIterator[Flaw]:
    """Correlations whose ids are not the digests of what they read: nobody finds anything by them."""
    async for id_, type_, keys in shared.correlations():
        if id_ != Correlation(type_, tuple(keys)).id:
            yield Flaw("a correlation is not what its id says", None, id_)


async def _late(shared: Shared) -> AsyncIterator[Flaw]:
    """Schedules that pass over their next time."""
    async for id_, next_at, now, document in shared.schedules():
        try:
            schedule = compile_value(document).schedule
        except DocumentError:
            continue  # it cannot run at all, which its row says
        latest = None if schedule is None else schedule.next_after(now, now)
        if latest is not None and next_at > latest:
            yield Flaw("a schedule is due later than it can be", id_, f"{next_at}, and not by {latest}")


async def _verified(stretch: Stretch) -> Verified:
    flaws = await stretch.flaws()
    standings = {standing.id: standing for standing in await stretch.standings()}
    replays: dict[str, Replay] = {}
    async for workflow_id, event in stretch.events():
        standing = standings.get(workflow_id)
        if standing is not None:  # events of nobody have been told of already
            replays.setdefault(workflow_id, Replay(standing)).take(event)
    flaws.extend(flaw for replay in replays.values() for flaw in replay.flaws())
    return Verified(len(standings), tuple(flaws))


class Replay:
    """One history folded anew, and held against the workflow's row, its snapshot and its jobs."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._state = State()
        self._broken: str | None = None
        self._began_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._digest_then: str | None = None

    def take(self, event: Event) -> None:
        """Folds the next event."""
        if self._broken is not None:
            return
        try:
            if lacks := lacking(event):
                raise ValueError(f"{event.type} lacks {', '.join(lacks)}")
            if event.at in (EARLIEST, LATEST):
                raise ValueError("it happened at no time that a calendar has")
            evolve(self._state, event)
        except _CORRUPT as error:
            self._broken = f"at {event.seq}: {error!r}"
            return
        if event.type in TERMINAL:
            self._ended_at = event.at
        elif self._began_at is None and event.type.startswith("task."):
            self._began_at = event.at
        snapshot = self._standing.snapshot
        if snapshot is not None and snapshot.seq == event.seq:
            self._digest_then = digest(self._state)

    def flaws(self) -> Iterator[Flaw]:
        """What is wrong, now that the whole history has been taken."""
        if self._broken is not None:
            yield self._flaw("the history cannot be replayed", self._broken)
            return
        yield from self._against_row()
        yield from self._against_times()
        if self._standing.snapshot is not None:
            yield from self._against_snapshot(self._standing.snapshot)
        if not self._state.status.is_terminal and self._standing.started_at is not None:
            yield from self._against_jobs()

    def _against_row(self) -> Iterator[Flaw]:
        standing, state = self._standing, self._state
        status = state.status
        if status is Status.RUNNING and standing.started_at is None:
            status = Status.PENDING  # its first turn is still to come
        told = {
            "status": (standing.status, status.value),
            "input": (standing.input, state.input),
            "output": (standing.output, state.output if status is Status.COMPLETED else None),
            "error": (standing.error, state.error),
            "ended_at": (standing.ended_at, self._ended_at if status.is_terminal else None),
        }
        for name, (stored, replayed) in told.items():
            if stored != replayed:
                yield self._flaw(
                    f"replay gives another {name}", f"{stored!r:.200} instead of {replayed!r:.200}"
                )

    def _against_times(self) -> Iterator[Flaw]:
        """Whether the row's times are in order, and what history tells lies between them."""
        standing = self._standing
        created, started, began = standing.created_at, standing.started_at, self._began_at
        if created in (EARLIEST, LATEST):
            yield self._flaw("the workflow was created at no time that a calendar has", "")
        if started is None:
            is_right = began is None
        else:
            is_right = created - started <= _AT_ONCE and (began is None or started <= began)
        if not is_right:
            detail = f"{started}; created at {created}, its first task came at {began}"
            yield self._flaw("the workflow was started at another time", detail)

    def _against_snapshot(self, snapshot: KeptSnapshot) -> Iterator[Flaw]:
        if snapshot.format != FORMAT:
            return  # it is passed over by this version, and the next turns replace it
        try:
            restored = digest(restore(snapshot.state))
        except Exception as error:  # whatever those bytes are
            yield self._flaw("a snapshot cannot be read", f"at {snapshot.seq}: {error!r}")
            return
        if not snapshot.digest == restored == self._digest_then:
            yield self._flaw("a snapshot is not what the history amounts to", f"at {snapshot.seq}")

    def _against_jobs(self) -> Iterator[Flaw]:
        """Whether the queue holds what the state waits for."""
        standing, state = self._standing, self._state
        activities = {start for start, one in state.activations.items() if one.activity is not None}
        if activities != standing.performs:
            detail = f"it performs {sorted(activities)}, and the jobs are {sorted(standing.performs)}"
            yield self._flaw("the activities of the state are not those of the queue", detail)
        if untimed := state.timers.keys() - standing.decides:
            yield self._flaw("the queue lacks timers of the state", f"set at {sorted(untimed)}")
        if state.ready and state.status is not Status.PAUSED and 0 not in standing.decides:
            yield self._flaw("the workflow can go on and has no turn", f"ready: {[*state.ready]}")

    def _flaw(self, problem: str, detail: str) -> Flaw:
        return Flaw(problem, self._standing.id, detail)
