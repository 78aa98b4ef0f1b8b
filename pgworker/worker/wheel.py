"""The wheel: one loop, one transaction a turn.

A turn claims workflows and finished activities, rebuilds their states, decides, and writes everything in one
transaction; the next claim travels with the commit. Activities begin when the transaction that leased them
has been committed, and never while one is open on their behalf.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence, Set

from pgworker import __version__
from pgworker.backoff import Backoff
from pgworker.engine.decide import MAX_EVENTS
from pgworker.engine.inputs import Outcome
from pgworker.errors import DatabaseUnavailable, DocumentError, Fault, FaultKind, StoreRefused
from pgworker.plan.nodes import EmitNode, Plan
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.failures import Occupied, SchemaMissing, TurnOvertaken
from pgworker.store.turns import Claim, Claimed, ClaimedActivity, Past, TurnConnection, Wanted
from pgworker.telemetry import log
from pgworker.worker.aside import Aside
from pgworker.worker.breaker import Breaker
from pgworker.worker.cache import StateCache
from pgworker.worker.carrier import Carrier
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.librarian import Librarian
from pgworker.worker.performances import Performance
from pgworker.worker.performer import Key, Performer
from pgworker.worker.plans import Entry, Incomplete, PlanCache
from pgworker.worker.remembering import keep
from pgworker.worker.rest import Rest
from pgworker.worker.strike import STRIKE_SECONDS
from pgworker.worker.turn import MAX_STRIKES, Turn, TurnMaker
from pgworker.worker.witness import Witness

_CAREFUL_TURNS = 200
"""After a turn that the database refused, so many turns take one workflow at a time, to find the culprit."""

_OCCUPIED_SECONDS = 2.0
_LONG_OCCUPIED_SECONDS = 60.0
"""So much later a turn comes that had to wait for somebody's open transaction, the first time and at last."""

_REMEMBERED_WAITS = 1000
"""Workflows that wait so, whose times are remembered."""

_REMEMBER_SECONDS = 10.0
"""How long a definition is taken for broken."""


class Wheel:
    """Turns until it is stopped; survives every loss of its connection."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        worker_id: str,
        *,
        performer: Performer,
        rest: Rest,
        watch: DecisionWatch,
        aside: Aside,
        witness: Witness,
        published: Callable[[], None],
        library: Callable[[PlanCache], Librarian],
        breaker: Breaker,
        functions: Sequence[str] = (),
        carrier: Carrier | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._worker_id = worker_id
        self._performer = performer
        self._rest = rest
        self._witness = witness
        self._published = published
        self._functions = functions
        self._carrier = carrier
        self._breaker = breaker
        self._aside = aside
        self._plans = PlanCache()
        self._librarian = library(self._plans)
        self._cache = StateCache(settings.cache_megabytes * 1024 * 1024)
        self._maker = TurnMaker(
            self._cache,
            self._plan_of,
            watch,
            aside,
            max_events=1 if settings.turn == "task" else MAX_EVENTS,
            max_history=settings.max_history,
            carrier=carrier,
        )
        self._stopping = False
        self._watch = watch
        self._careful = 0
        self._waits: OrderedDict[str, float] = OrderedDict()
        self._most = settings.batch
        self._backlog = False
        self._is_known = False
        self._is_unsure = False
        self._misfits = Backoff()

    def stop(self) -> None:
        """Claims nothing new from now on; ``run`` returns once what is under way has been recorded."""
        self._stopping = True
        self._rest.wake()

    def come_back(self) -> None:
        """The others have forgotten this worker: it makes itself known again."""
        self._is_known = False
        self._rest.wake()

    async def run(self) -> None:
        """Turns until stopped."""
        backoff = Backoff()
        while not self._stopping or not self._performer.is_empty:
            self._breaker.tries()
            try:
                connection = await self._connect()
            except DatabaseUnavailable as error:
                self._breaker.failed(error.message)
                pause = backoff.next()
                log.warning("no connection to the database", reason=error.message, retry_in=round(pause, 2))
                await asyncio.sleep(pause)
                continue
            backoff.reset()
            self._breaker.succeeded()
            try:
                await self._spin(connection)
            except DatabaseUnavailable as error:
                self._breaker.failed(error.message)
                log.warning("the connection to the database was lost", reason=error.message)
                # a large turn may have outlasted a limit of the server's, and would again and again
                self._most = max(1, self._most // 2)
                self._is_unsure = True
                await asyncio.sleep(backoff.next())
            except SchemaMissing as error:
                # A migration came in between, and a function that had begun before found another one gone:
                # that passes. Or the schema is too new: then others are to take this worker's place.
                self._breaker.failed(error.message)
                pause = self._misfits.next()
                log.warning(
                    "the schema does not fit", reason=error.message, hint=error.hint, retry_in=round(pause, 2)
                )
                self._is_unsure = True
                await asyncio.sleep(pause)
            finally:
                await connection.close()

    async def _connect(self) -> TurnConnection:
        raw = await self._database.connect("wheel")
        connection = TurnConnection(self._database, raw, self._worker_id, self._settings.lease_seconds)
        self._cache.clear()
        self._rest.begin()
        try:
            await self._register(connection)
            if self._is_unsure:
                # the last commit may have leased activities although its answer was lost: nobody performs
                # them, and each such lease that runs out would count as an attempt
                self._is_unsure = False
                await connection.give_back(self._performer.held())
        except DatabaseUnavailable:
            await connection.close()  # a server that lets everybody in and nobody write would fill up
            raise
        return connection

    async def _register(self, connection: TurnConnection) -> None:
        self._is_known = True
        await connection.register(
            socket.gethostname(),
            os.getpid(),
            __version__,
            slots=self._settings.concurrency,
            busy=len(self._performer.held()),
            idle=self._rest.is_declared,
        )
        if self._functions:
            await self._declare(connection)

    async def _declare(self, connection: TurnConnection) -> None:
        try:
            await connection.declare_functions(self._functions)
        except Occupied:
            # What is declared is for those who define workflows; this worker knows what it has.
            log.warning("functions wait for somebody's transaction", retry_in=_OCCUPIED_SECONDS)
            asyncio.get_running_loop().call_later(_OCCUPIED_SECONDS, self.come_back)

    async def _spin(self, connection: TurnConnection) -> None:
        claimed = await connection.claim(self._wanted())
        while True:
            if not self._is_known:
                await self._register(connection)
            if claimed.claims:
                await self._rest.worked(connection)
                claimed = await self._turn(connection, claimed)
                continue
            slots = self._free_slots()
            self._begin(await connection.end(slots), slots)
            self._performer.not_taken(self._offers)
            if self._stopping and self._performer.is_empty:
                return
            await self._rest.take(connection, self._performer)
            claimed = await connection.claim(self._wanted())

    async def _turn(self, connection: TurnConnection, claimed: Claimed) -> Claimed:
        """One turn, and the claim of the next."""
        outcomes = self._offers
        try:
            pasts = await self._fetch(connection, claimed.claims)
            # Where others wait in the queue for a slot, new activities queue behind them.
            turn = Turn(claimed.now, pasts, outcomes, 0 if self._backlog else self._free_slots())
            activities, following = await connection.commit_and_claim(
                self._maker.make(turn, claimed.claims), lambda: self._ending(turn)
            )
        except SchemaMissing:
            raise
        except (TurnOvertaken, StoreRefused, Occupied) as error:
            return await self._recover(connection, claimed, error)
        self._committed(turn, outcomes.keys())
        self._begin(activities, turn.leases)
        if turn.struck:
            following = await self._strike(connection, turn.struck)
        return following

    async def _fetch(self, connection: TurnConnection, claims: Sequence[Claim]) -> Mapping[str, Past]:
        """What the states are rebuilt from that are not in memory, and all definitions."""
        for key in {c.definition for c in claims if self._aside.takes(c) and not self._aside.knows(c)}:
            self._aside.learn(key, *await connection.definition(*key))
        for key in self._plans.missing({c.definition for c in claims}):
            definition, resources = await connection.definition(*key)
            was_refused = self._plans.is_refused(key)
            plan = self._plans.add(key, definition, resources)
            if isinstance(plan, DocumentError):
                await connection.note_problems(*key, plan.message)
                # what is wrong with it may be a function that a worker is about to declare
                asyncio.get_running_loop().call_later(_REMEMBER_SECONDS, self._plans.forget, key)
            elif isinstance(plan, Incomplete):
                self._librarian.complete(key, plan)
            elif was_refused:
                await connection.note_problems(*key, None)
        if self._carrier is not None:
            await self._carrier.look_up(connection, [c.workflow_id for c in claims if self._emits(c)])
        return await self._pasts(connection, [c for c in claims if c.strikes < MAX_STRIKES])

    async def _pasts(self, connection: TurnConnection, claims: Sequence[Claim]) -> Mapping[str, Past]:
        """The long histories one by one, and together those of states that this session has forgotten."""
        pasts: dict[str, Past] = {}
        for claim in claims:
            if claim.is_long:
                with self._watch.reading(claim.workflow_id):
                    pasts |= await connection.read([claim.workflow_id])
        unknown = [
            c.workflow_id
            for c in claims
            if not c.is_long and c.folded_seq not in (0, self._cache.seq_of(c.workflow_id))
        ]
        return pasts | (await connection.read(unknown) if unknown else {})

    def _emits(self, claim: Claim) -> bool:
        plan = self._plan_of(claim)
        return isinstance(plan, Plan) and any(isinstance(node, EmitNode) for node in plan.nodes.values())

    def _plan_of(self, claim: Claim) -> Entry:
        return self._plans.get(claim.definition)

    def _ending(self, turn: Turn) -> tuple[int, Wanted]:
        """How many activities to lease as the turn ends, and what to claim for the next."""
        turn.leases = self._free_slots() - len(turn.performances)
        return turn.leases, self._wanted(without=turn.ended)

    def _committed(self, turn: Turn, offered: Set[Key]) -> None:
        """The turn has been committed: memory follows, and its activities begin."""
        self._misfits.reset()
        self._most = min(2 * self._most, self._settings.batch)
        self._database.patience.written()
        for workflow_id, known in turn.states.items():
            self._cache.put(workflow_id, known)
        if self._waits:
            for made in turn.made:
                self._waits.pop(made.claim.workflow_id, None)
        self._performer.settled(turn.ended)
        self._performer.not_taken(offered - turn.ended)
        for performance in turn.performances:
            self._performer.begin(performance)
        if turn.writes.published:
            self._published()
        self._witness.committed(turn.made)

    def _begin(self, activities: Sequence[ClaimedActivity], slots: int) -> None:
        """Begins the activities that were leased from the queue for ``slots`` free slots."""
        self._backlog = bool(activities) and len(activities) == slots
        for activity in activities:
            performance = Performance.of(activity)
            lost = performance.lease.attempt - 1
            if lost < self._settings.max_attempts:
                self._performer.begin(performance)
            else:
                detail = f"{lost} attempts at this activity were lost with their workers"
                self._performer.fail(performance, Fault(FaultKind.RUNTIME, detail))

    def _free_slots(self) -> int:
        return 0 if self._stopping else self._performer.free

    async def _recover(self, connection: TurnConnection, claimed: Claimed, error: Exception) -> Claimed:
        """Nothing of the turn was written: forget what it thought, and look more closely."""
        await connection.abandon()
        self._cache.clear()
        if len(claimed.claims) == 1 and not isinstance(error, TurnOvertaken):
            self._careful = 0  # this is the culprit
            culprit = claimed.claims[0].workflow_id
            if isinstance(error, StoreRefused):
                return await self._strike(connection, [culprit], in_transaction=False)
            return await self._give_way(connection, culprit)
        log.warning("a turn was refused", reason=str(error), workflows=len(claimed.claims))
        self._careful = _CAREFUL_TURNS
        return await connection.claim(self._wanted())

    async def _give_way(self, connection: TurnConnection, workflow_id: str) -> Claimed:
        """Lets a workflow wait for somebody's open transaction, and nobody with it."""
        seconds = min(2 * self._waits.get(workflow_id, _OCCUPIED_SECONDS / 2), _LONG_OCCUPIED_SECONDS)
        keep(self._waits, workflow_id, seconds, _REMEMBERED_WAITS)
        log.warning("a workflow waits for somebody's transaction", workflow_id=workflow_id, retry_in=seconds)
        await connection.put_off(workflow_id, seconds)
        self._performer.not_taken(self._held_of(workflow_id), seconds)
        return await connection.claim(self._wanted())

    def _held_of(self, workflow_id: str) -> Sequence[Key]:
        leases = self._performer.held()
        return [(lease.workflow_id, lease.seq) for lease in leases if lease.workflow_id == workflow_id]

    async def _strike(
        self, connection: TurnConnection, workflow_ids: Sequence[str], *, in_transaction: bool = True
    ) -> Claimed:
        """Puts off the turns of workflows that broke."""
        if in_transaction:
            await connection.abandon()
        for workflow_id in workflow_ids:
            await connection.postpone(workflow_id, STRIKE_SECONDS)
            self._performer.not_taken(self._held_of(workflow_id), STRIKE_SECONDS)
        return await connection.claim(self._wanted())

    def _wanted(self, without: Set[Key] = frozenset()) -> Wanted:
        """What to claim next; remembers which outcomes it offers."""
        offered = {k: v for k, v in self._performer.offered().items() if k not in without}
        batch = 0 if self._stopping else self._most
        if self._most < self._settings.batch:
            offered = dict(list(offered.items())[: self._most])
        if self._careful:
            # one workflow at a time: by turns one that is due and one whose activity is done
            self._careful -= 1
            batch = min(batch, self._careful % 2)
            offered = {} if batch else dict(list(offered.items())[:1])
        self._offers: dict[Key, Outcome] = {key: outcome for key, (_, outcome) in offered.items()}
        return Wanted(batch, [lease for lease, _ in offered.values()])
