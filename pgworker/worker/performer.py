"""The performer: activities that run, and outcomes that wait to be recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from pgworker.activities import progress
from pgworker.activities.functions.library import NotHere
from pgworker.activities.progress import Progress
from pgworker.activities.registry import Activities
from pgworker.activities.remote import RemoteActivities
from pgworker.activities.tracing import CURRENT
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed, Outcome
from pgworker.errors import Fault, FaultKind
from pgworker.store.leases import Advance
from pgworker.store.turns import Lease
from pgworker.telemetry import ABOUT, log
from pgworker.worker.leaving import Leaving
from pgworker.worker.performances import Performance
from pgworker.worker.witness import Witness

Key = tuple[str, int]

RETRY_SECONDS = 0.05
"""How soon an outcome is offered again that could not be recorded (its workflow was busy elsewhere)."""

_LONG_SECONDS = 1.0
"""Of activities that take longer, heartbeats tell how far they are."""


@dataclass(frozen=True, slots=True)
class _Running:
    performance: Performance
    progress: Progress
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Finished:
    lease: Lease
    outcome: Outcome
    offer_at: float = 0.0
    is_offered: bool = False


class Performer:
    """Performs up to ``slots`` activities at once.

    Calls ``on_outcome`` whenever one has ended, ``witness`` is told of each, and of those that are lost.
    ``traceparent`` says, if somebody traces, what tells services which trace a call belongs to.
    """

    def __init__(
        self,
        activities: Activities | RemoteActivities,
        slots: int,
        on_outcome: Callable[[], None],
        *,
        witness: Witness,
        leaving: Leaving,
        traceparent: Callable[[Performance], Awaitable[str | None]] | None = None,
    ) -> None:
        self._activities = activities
        self._slots = slots
        self._on_outcome = on_outcome
        self._witness = witness
        self._leaving = leaving
        self._traceparent = traceparent
        self._running: dict[Key, _Running] = {}
        self._finished: dict[Key, _Finished] = {}

    @property
    def free(self) -> int:
        """How many more activities could be begun."""
        return self._slots - len(self._running)

    @property
    def used(self) -> int:
        """How many activities run."""
        return len(self._running)

    @property
    def is_empty(self) -> bool:
        """Whether nothing runs and nothing waits to be recorded."""
        return not self._running and not self._finished

    def begin(self, performance: Performance) -> None:
        """Begins an activity; the transaction that leased it has been committed.

        Should this worker have held an earlier lease of it, that one is void now.
        """
        self._forget(performance.key)
        begun = Progress()
        task = asyncio.create_task(self._perform(performance, begun))
        self._running[performance.key] = _Running(performance, begun, task)

    def fail(self, performance: Performance, fault: Fault) -> None:
        """Lets an activity fail without performing it."""
        self._forget(performance.key)
        lease = performance.lease
        outcome = ActivityFailed(lease.seq, fault, lease.attempt, lease.token)
        self._finished[performance.key] = _Finished(lease, outcome)

    def offered(self) -> Mapping[Key, tuple[Lease, Outcome]]:
        """The outcomes that can be recorded now."""
        now = asyncio.get_running_loop().time()
        due = {key: one for key, one in self._finished.items() if one.offer_at <= now}
        for one in due.values():
            one.is_offered = True
        return {key: (one.lease, one.outcome) for key, one in due.items()}

    def seconds_to_next_offer(self) -> float:
        """How long until an outcome can be recorded that could not be before; infinite if there is none."""
        now = asyncio.get_running_loop().time()
        return max(min((one.offer_at for one in self._finished.values()), default=inf) - now, 0.0)

    def settled(self, keys: Iterable[Key]) -> None:
        """Their outcomes have been recorded, or will never be: what runs on (its time was over) is ended."""
        for key in keys:
            self._forget(key)

    def not_taken(self, keys: Iterable[Key], retry_in: float = RETRY_SECONDS) -> None:
        """Their outcomes could not be recorded this time."""
        offer_at = asyncio.get_running_loop().time() + retry_in
        for key in keys:
            if key in self._finished:
                self._finished[key].offer_at = offer_at
                self._finished[key].is_offered = False

    def held(self) -> list[Lease]:
        """The leases of everything that runs or waits to be recorded."""
        running = [one.performance.lease for one in self._running.values()]
        return running + [one.lease for one in self._finished.values()]

    def advances(self) -> Mapping[Lease, Advance]:
        """How far those are that have run for long."""
        return {
            one.performance.lease: Advance(seconds, one.progress.output_bytes, one.progress.messages)
            for one in self._running.values()
            if (seconds := one.progress.seconds) > _LONG_SECONDS
        }

    def lost(self, leases: Iterable[Lease]) -> None:
        """These leases are gone: what runs under them is ended, what waits to be recorded is dropped."""
        for lease in leases:
            key = (lease.workflow_id, lease.seq)
            running, finished = self._running.get(key), self._finished.get(key)
            about: Mapping[str, object] = {"workflow_id": lease.workflow_id, "attempt": lease.attempt}
            if running is not None and running.performance.lease == lease:
                about = running.performance.about
                del self._running[key]
                running.task.cancel()
            elif finished is not None and finished.lease == lease and not finished.is_offered:
                del self._finished[key]
            else:
                continue  # ended by now, or just being recorded; if it is not, the next beat says so again
            self._witness.lease_lost()
            log.warning("an activity lost its lease", activity=lease.seq, **about)

    def _forget(self, key: Key) -> None:
        """What this worker still holds of an activity is void: it is over, or has a new lease."""
        running = self._running.pop(key, None)
        if running is not None:
            running.task.cancel()
        self._finished.pop(key, None)

    async def end_all(self) -> list[Lease]:
        """Ends everything that still runs and drops what is not recorded; returns the leases to give back."""
        leases = self.held()
        entries = list(self._running.values())
        self._running.clear()
        self._finished.clear()
        for entry in entries:
            entry.task.cancel()
        await asyncio.gather(*(entry.task for entry in entries), return_exceptions=True)
        return leases

    async def _perform(self, performance: Performance, begun: Progress) -> None:
        lease = performance.lease
        outcome: Outcome
        began = datetime.now(UTC)
        ABOUT.set(performance.about)  # of this task's own context, as what follows
        progress.CURRENT.set(begun)
        try:
            if self._traceparent is not None:
                CURRENT.set(await self._traceparent(performance))
            result = await self._activities.perform_scheduled(
                performance.data, idempotency_key=performance.idempotency_key, attempt=lease.attempt
            )
            outcome = ActivityCompleted(lease.seq, result, lease.attempt, lease.token)
        except NotHere as fault:
            if self._leaving.may_leave(lease):
                await self._leave(performance, fault)
                return
            outcome = ActivityFailed(lease.seq, fault, lease.attempt, lease.token)
        except Fault as fault:
            outcome = ActivityFailed(lease.seq, fault, lease.attempt, lease.token)
        except Exception as error:
            log.exception("an activity broke")
            broken = Fault(FaultKind.RUNTIME, f"the activity broke: {type(error).__name__}")
            outcome = ActivityFailed(lease.seq, broken, lease.attempt, lease.token)
        running = self._running.get(performance.key)
        if running is not None and running.performance is performance:
            del self._running[performance.key]
            self._finished[performance.key] = _Finished(lease, outcome)
            self._witness.attempted(performance, began, datetime.now(UTC), outcome)
            self._on_outcome()

    async def _leave(self, performance: Performance, fault: Fault) -> None:
        """Lets others have an activity that this worker cannot perform."""
        lease = performance.lease
        log.info("an activity is left to others", reason=fault.detail)
        await self._leaving.pause()
        running = self._running.get(performance.key)
        if running is not None and running.performance is performance:
            del self._running[performance.key]
            await self._leaving.leave(lease)
