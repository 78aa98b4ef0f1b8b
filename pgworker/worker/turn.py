"""A turn: what happens to each claimed workflow, from its history to what is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import orjson

from pgworker.engine import events
from pgworker.engine.codec import encode
from pgworker.engine.commands import Drop, FireTimer, Perform, Publish, commands
from pgworker.engine.decide import MAX_EVENTS, MAX_HISTORY, MAX_SIZE, decide, refuse
from pgworker.engine.decision import Record
from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve
from pgworker.engine.inputs import CancelWanted, ChildReported, Input, Outcome, TimerDue
from pgworker.engine.rewinding import rewound
from pgworker.engine.state import State, Status
from pgworker.errors import DocumentError, Fault, FaultKind
from pgworker.plan.nodes import Plan
from pgworker.store.snapshots import restored, taken
from pgworker.store.turns import Claim, Lease, Past
from pgworker.store.writes import Snapshot, Writes
from pgworker.telemetry import log
from pgworker.types import JsonValue
from pgworker.worker.aside import Aside
from pgworker.worker.cache import Known, StateCache
from pgworker.worker.carrier import Carrier
from pgworker.worker.decision_watch import DecisionTooLong, DecisionWatch
from pgworker.worker.performances import Performance
from pgworker.worker.plans import Entry, Incomplete
from pgworker.worker.questions import Broke, Decided, DecisionBroke, Question
from pgworker.worker.witness import Made

_CANCEL = -1
"""The job by which a parent that does not wait any more asks for the end of its child."""

SNAPSHOT_EVERY = 1000
"""How many events of a workflow are folded anew at most. ``claim_turn`` knows shorter histories by it."""

_EMPTY_BYTES = 4000
_BYTES_FOR_EACH = 5
"""About how much memory a state takes: to begin with, and for each character of the data that it holds."""

_SNAPSHOT_SHARE = 200
"""Large states are kept more rarely: no more than so many characters are written for each event."""

MAX_TURN_SIZE = 4 * MAX_SIZE
"""With so many characters of data to write a turn takes no more workflows."""

_KEEPS_PLACE = 50
"""For so many events a workflow that goes on keeps its place; then it queues behind the others."""

MAX_STRIKES = 3
"""A workflow that could not be decided upon so often fails."""


@dataclass(slots=True)
class Turn:
    """A turn: what it knows, what is still to be written, and what is to be done once that is committed.

    ``pasts`` holds what the states are rebuilt from that are not in memory, ``outcomes`` those of
    the finished activities, ``slots`` says how many new activities this worker can begin at once, ``leases``
    how many more it asked for as the turn ended. ``states``
    are the new states, ``performances`` the activities that this worker has leased for
    itself, ``struck`` the workflows whose decision broke, ``ended`` the jobs that the turn brings to an end,
    finished activities among them; ``size`` is that of all data that it writes, ``made`` for who watches.
    """

    now: datetime
    pasts: Mapping[str, Past] = field(default_factory=dict)
    outcomes: Mapping[tuple[str, int], Outcome] = field(default_factory=dict)
    slots: int = 0
    writes: Writes = field(default_factory=Writes)
    states: dict[str, Known] = field(default_factory=dict)
    performances: list[Performance] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    ended: set[tuple[str, int]] = field(default_factory=set)
    size: int = 0
    leases: int = 0
    made: list[Made] = field(default_factory=list)


class TurnMaker:
    """Makes turns: pure work between a claim and a commit."""

    def __init__(
        self,
        cache: StateCache,
        plan_of: Callable[[Claim], Entry],
        watch: DecisionWatch,
        aside: Aside,
        *,
        max_events: int = MAX_EVENTS,
        max_history: int = MAX_HISTORY,
        carrier: Carrier | None = None,
    ) -> None:
        self._cache = cache
        self._plan_of = plan_of
        self._watch = watch
        self._aside = aside
        self._max_events = max_events
        self._max_history = max_history
        self._carrier = carrier

    def make(self, turn: Turn, claims: Sequence[Claim]) -> Iterator[Writes]:
        """Decides about claimed workflows, and gives what is to be written part by part.

        One that breaks is left out, and the others go on.
        """
        for claim in claims:
            if turn.size > MAX_TURN_SIZE:
                break  # the others keep their jobs, and are claimed anew
            if claim.due or claim.done:
                self._take(turn, claim)
            if turn.writes.is_part:
                yield turn.writes.take_part()
        yield turn.writes

    def _take(self, turn: Turn, claim: Claim) -> None:
        if claim.strikes >= MAX_STRIKES:
            _quarantine(turn, claim)
            return
        if isinstance(self._plan_of(claim), Incomplete):
            turn.writes.put_off.append(claim.workflow_id)
            return
        try:
            if self._aside.takes(claim):
                self._take_aside(turn, claim)
            else:
                with self._watch.over(claim.workflow_id, hurried=self._aside.may_take(claim)):
                    self._work_on(turn, claim)
        except DecisionTooLong:
            self._aside.want(claim)  # it is claimed anew at once
        except Exception:
            log.exception("a workflow could not be decided upon", workflow_id=claim.workflow_id)
            turn.struck.append(claim.workflow_id)

    def _take_aside(self, turn: Turn, claim: Claim) -> None:
        """As for every workflow, but that another process decides; until it has, the workflow waits."""
        if not self._aside.knows(claim):
            return  # it is claimed anew at once, and then its definition is read
        if self._aside.is_waiting(claim):
            turn.writes.put_off.append(claim.workflow_id)
            return
        self._work_on(turn, self._aside.as_asked(claim), aside=True)

    def _work_on(self, turn: Turn, claim: Claim, *, aside: bool = False) -> None:
        """Fetch the history, rebuild the state, process what happened, go on, write it down."""
        known = self._rebuilt(claim, turn.pasts)
        state = known.state
        record = self._decided(claim, known, turn, aside=aside)
        if record is None:
            turn.writes.put_off.append(claim.workflow_id)
            return
        turn.size += record.size
        turn.made.append(self._made(claim, known, record))
        stays = _keeps_place(claim, known, record)
        _write_events(turn.writes, claim, record)
        _write_workflow(turn.writes, claim, state)
        _end_jobs(turn, claim, stays=stays, paused=state.status is Status.PAUSED)
        carrier = self._carrier
        made = record.events if carrier is None else carrier.carrying(claim.workflow_id, record.events)
        _write_jobs(turn, claim, made)
        if record.goes_on and not stays:
            _write_job(turn.writes, claim, 0, "decide")
        turn.writes.letters.seen.extend(
            (claim.workflow_id, start, _seen(claim, start, last)) for start, last in record.examined.items()
        )
        if not state.status.is_terminal and state.retrying is None:
            known.weight += _BYTES_FOR_EACH * record.size
            if state.seq - known.snapshot_seq >= max(SNAPSHOT_EVERY, known.snapshot_size // _SNAPSHOT_SHARE):
                _keep_snapshot(turn.writes, claim, known)
            turn.states[claim.workflow_id] = known

    def _made(self, claim: Claim, known: Known, record: Record) -> Made:
        plan = self._plan_of(claim)
        return Made(claim, plan if isinstance(plan, Plan) else None, known.state.started_at, record.events)

    def _rebuilt(self, claim: Claim, pasts: Mapping[str, Past]) -> Known:
        """The state after the newest event."""
        known = self._cache.take(claim.workflow_id)
        history = claim.history
        past = pasts.get(claim.workflow_id)
        if past is not None:
            known, history = _known(past), past.history
        elif known is None or claim.folded_seq == 0:
            known = Known(State(), _EMPTY_BYTES)
        for event in history:
            evolve(known.state, event)
        if known.state.seq != claim.last_seq:
            raise ValueError(f"the state is at event {known.state.seq} and the history at {claim.last_seq}")
        known.weight += _weight(history)
        if known.state.retrying is not None and known.state.status is Status.RUNNING:
            known.back = rewound(history)
        return known

    def _decided(self, claim: Claim, known: Known, turn: Turn, *, aside: bool) -> Record | None:
        """None as long as another process has not answered; raises ``DecisionBroke`` if it will not."""
        state, back = known.state, known.back
        known.back = None
        if state.status.is_terminal:
            return Record(state, turn.now)
        plan = self._plan_of(claim)
        assert not isinstance(plan, Incomplete)
        if isinstance(plan, DocumentError):
            return refuse(state, turn.now, plan)
        told = _told(claim, state, turn.outcomes)
        if aside:
            question = Question(
                claim.workflow_id,
                claim.definition,
                state,
                turn.now,
                told=told,
                back=back,
                max_events=self._max_events,
                max_history=self._max_history,
            )
            return self._answered(claim, question)
        return decide(
            claim.workflow_id,
            plan,
            state,
            turn.now,
            inputs=told,
            back=back,
            max_events=self._max_events,
            max_history=self._max_history,
            enough=self._watch.is_late,
        )

    def _answered(self, claim: Claim, question: Question) -> Record | None:
        match self._aside.answer(claim, question):
            case Decided() as answer:
                return answer.record(question.state, question.now)
            case Broke() as broke:
                raise DecisionBroke(broke.reason)
            case None:
                return None


def _known(past: Past) -> Known:
    if past.snapshot is None:
        return Known(State(), _EMPTY_BYTES)
    state, size = restored(past.snapshot)
    return Known(state, _EMPTY_BYTES + _BYTES_FOR_EACH * size, state.seq, size)


def _keep_snapshot(writes: Writes, claim: Claim, known: Known) -> None:
    snapshot, digest, size = taken(known.state)
    known.snapshot_seq, known.snapshot_size = known.state.seq, size
    # what came before is in no event any more that would be read
    known.weight = _EMPTY_BYTES + _BYTES_FOR_EACH * size
    writes.snapshots.append(Snapshot(claim.workflow_id, known.state.seq, snapshot, digest))


def _write_events(writes: Writes, claim: Claim, record: Record) -> None:
    writes.size += record.size
    for event, encoded in zip(record.events, record.encoded, strict=True):
        writes.event_workflows.append(claim.workflow_id)
        writes.event_seqs.append(event.seq)
        writes.event_types.append(event.type)
        writes.event_tasks.append(event.task)
        writes.event_data.append(encoded)


def _write_workflow(writes: Writes, claim: Claim, state: State) -> None:
    writes.workflows.append(claim.workflow_id)
    writes.seqs_before.append(claim.last_seq)
    writes.seqs_after.append(state.seq)
    writes.statuses.append(state.status.value)
    writes.outputs.append(_json(state.output) if state.status is Status.COMPLETED else None)
    writes.errors.append(None if state.error is None else _json(state.error))


def _keeps_place(claim: Claim, known: Known, record: Record) -> bool:
    """Whether the job that brought the workflow here stays as it is, for the workflow's next turn."""
    if not record.goes_on or 0 not in claim.due or claim.strikes:
        return False
    known.since_queued += len(record.events)
    stays = known.since_queued < _KEEPS_PLACE
    if not stays:
        known.since_queued = 0
    return stays


def _end_jobs(turn: Turn, claim: Claim, *, stays: bool = False, paused: bool = False) -> None:
    """Ends what was due and done, but for the workflow's own job if that ``stays``, and what is held."""
    for seq in (*claim.due, *claim.done):
        if paused and seq in claim.due and seq != _CANCEL:
            turn.writes.held.append(claim.workflow_id)
        elif seq or not stays:
            _end_job(turn, claim, seq)


def _end_job(turn: Turn, claim: Claim, seq: int) -> None:
    turn.writes.ended_jobs_of.append(claim.workflow_id)
    turn.writes.ended_jobs.append(seq)
    turn.ended.add((claim.workflow_id, seq))


def _write_jobs(turn: Turn, claim: Claim, made: Sequence[Event]) -> None:
    for command in commands(made):
        if isinstance(command, Drop):
            _end_job(turn, claim, command.seq)
        elif isinstance(command, Publish):
            turn.writes.published_by.append(claim.workflow_id)
            turn.writes.published.append(_json(command.cloud_event))
        elif isinstance(command, FireTimer):
            _write_job(turn.writes, claim, command.timer, "decide", due_at=command.due_at.isoformat())
        elif not isinstance(command, Perform):
            turn.writes.letters.add(claim.workflow_id, command)
        elif turn.slots > 0:
            turn.slots -= 1
            performance = _performance(claim, command)
            turn.performances.append(performance)
            _write_job(turn.writes, claim, command.start, "perform", token=performance.lease.token)
        else:
            _write_job(turn.writes, claim, command.start, "perform")


def _quarantine(turn: Turn, claim: Claim) -> None:
    """Ends a workflow that broke the engine so often; its history is not even read."""
    writes = turn.writes
    log.error("a workflow is failed after its strikes", workflow_id=claim.workflow_id)
    detail = f"the engine could not decide upon this workflow, {claim.strikes} times in a row"
    problem = Fault(FaultKind.RUNTIME, detail).problem("/")
    failed = Event(claim.last_seq + 1, events.WORKFLOW_FAILED, None, {"error": problem}, turn.now)
    writes.event_workflows.append(claim.workflow_id)
    writes.event_seqs.append(failed.seq)
    writes.event_types.append(failed.type)
    writes.event_tasks.append(failed.task)
    writes.event_data.append(encode(failed.data))
    _write_workflow(writes, claim, State(seq=failed.seq, status=Status.FAILED, error=problem))
    turn.made.append(Made(claim, None, None, [failed]))
    _end_jobs(turn, claim)


def _told(claim: Claim, state: State, outcomes: Mapping[tuple[str, int], Outcome]) -> list[Input]:
    """What the world has to say: a job above zero is about a timer or a child, one below about others."""
    if _CANCEL in claim.due:
        return [CancelWanted()]
    told: list[Input] = [outcomes[claim.workflow_id, seq] for seq in claim.done]
    if state.status is Status.PAUSED:
        return told  # the rest is held until it goes on
    reports = {report.start: report for report in claim.children}
    for seq in sorted(seq for seq in claim.due if seq > 0):
        is_child = seq in state.activations and state.activations[seq].child is not None
        told.append(reports.get(seq, ChildReported(seq, None)) if is_child else TimerDue(seq))
    told.extend(claim.mail)
    return told


def _seen(claim: Claim, start: int, last: int) -> int:
    """Up to which position a listen has looked at everything, if it looked at its mail up to ``last``.

    Mail comes in the order of publication, and positions may be in another.
    """
    positions = [letter.position for letter in claim.mail if letter.start == start]
    place = positions.index(last) + 1
    return min(positions[place:], default=max(positions) + 1) - 1


def _performance(claim: Claim, command: Perform) -> Performance:
    lease = Lease(claim.workflow_id, command.start, str(uuid4()), 1)
    return Performance(lease, command.task, command.data)


def _write_job(
    writes: Writes,
    claim: Claim,
    seq: int,
    kind: str,
    *,
    due_at: str | None = None,
    token: str | None = None,
) -> None:
    writes.jobs_of.append(claim.workflow_id)
    writes.jobs.append(seq)
    writes.job_kinds.append(kind)
    writes.job_due_at.append(due_at)
    writes.job_namespaces.append(claim.namespace)
    writes.job_priorities.append(claim.priority)
    writes.job_tokens.append(token)


def _weight(history: Sequence[Event]) -> int:
    return _BYTES_FOR_EACH * sum(len(orjson.dumps(event.data)) for event in history)


def _json(value: JsonValue) -> str:
    return orjson.dumps(value).decode()
