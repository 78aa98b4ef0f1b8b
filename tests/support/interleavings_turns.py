"""Turns of made-up workflows: what a worker might decide about what it claims, and how it writes that."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time_ns
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg

from pgworker.engine.commands import CancelChild, Consume, LookAgain, StartChild, Subscribe, Unsubscribe
from pgworker.store.correspondence import Correspondence, CorrespondenceWriter
from pgworker.store.database import Database
from pgworker.store.writes import Writes
from tests.support.interleavings_hands import Effect
from tests.support.interleavings_model import Activity, Child, Key, Listen, Model, Open, Timer, Workflow
from tests.support.letters import Wanted, paid
from tests.support.turns import Draft

T = TypeVar("T")
Choose = Callable[[Sequence[Any]], Any]

PAST, FUTURE = "2000-01-01 00:00:00+00", "2100-01-01 00:00:00+00"
WANTED = (
    Wanted("order.paid"),
    paid(1),
    Wanted("order.shipped"),
    Wanted("order.shipped", (".order",), (1,)),
    Wanted(None),
)
MOVES = (
    *("nothing", "perform", "lease", "timer", "later", "listen", "listen", "listen", "listen twice", "child"),
    *("free child", "leave", "leave", "complete", "fail"),
)
"""What a turn may go on to, with a weight for what is rich in consequences."""


@dataclass
class Decision:
    """What a turn writes about all that it has claimed, and what that changes."""

    writes: Writes = field(default_factory=Writes)
    letters: Correspondence = field(default_factory=Correspondence)
    effects: list[Effect] = field(default_factory=list)
    leases: dict[Key, str] = field(default_factory=dict)

    def statements(self) -> list[tuple[object, object]]:
        """What follows ``commit_turn``, as a worker sends it."""
        recorder = _Recorder()
        sending = CorrespondenceWriter(Database("")).send(recorder, self.letters)  # type: ignore[arg-type]
        try:
            sending.send(None)
        except StopIteration:
            return recorder.sent
        raise AssertionError("there was something to wait for")


class _Recorder:
    """Stands where a worker's connection does, to hear what would be sent on it."""

    def __init__(self) -> None:
        self.sent: list[tuple[object, object]] = []

    async def execute(self, statement: object, parameters: object) -> None:
        self.sent.append((statement, parameters))


def decide(model: Model, claimed: Sequence[Any], choose: Choose) -> Decision:
    """Decides about each claimed workflow; ``choose`` picks what happens, the first being the least."""
    decision = Decision()
    for claim in claimed:
        if claim.due or claim.done:
            _Story(decision, model, claim, choose).tell()
    return decision


def _told(place: int, wanted: Wanted) -> dict[str, object]:
    """A filter as the event tells it with which a listen begins."""
    return {"filter": place, "correlation": wanted.correlation.id, "value": wanted.value}


class _Story:
    """What becomes of one claimed workflow."""

    def __init__(self, decision: Decision, model: Model, claim: Any, choose: Choose) -> None:
        self.decision, self.claim, self.choose = decision, claim, choose
        self.workflow: Workflow = model.workflows[claim.id]
        self.draft = Draft(claim, decision.writes)
        self.open: dict[int, Open] = dict(self.workflow.open)
        self.consumed: set[str] = set()
        self.left: list[str] = []
        self.if_it_goes_on: list[Callable[[], None]] = []
        assert claim.last_seq == self.workflow.last_seq

    def tell(self) -> None:
        """Takes in what happened, goes on, and writes it down."""
        if not self.workflow.is_live:
            self.draft.done(self.workflow.status, *self._end(self.workflow.status))
            return
        if -1 in self.claim.due:
            self._finish("CANCELLED")
            return
        self._take_in()
        for _ in range(2):
            move = self.choose(MOVES)
            if move in ("complete", "fail"):
                self._finish({"complete": "COMPLETED", "fail": "FAILED"}[move])
                return
            self._go_on(move)
        if self.open:
            self._write("RUNNING")
        else:
            self._finish("COMPLETED")  # nothing would ever move it

    def _take_in(self) -> None:
        for seq in self.claim.done:
            one = self.open.pop(seq)
            assert isinstance(one, Activity)
            self._event("task.completed", start=seq, token=one.token, attempt=one.attempt)
        for seq in self.claim.due:
            match self.open.get(seq):
                case Timer():
                    self._event("timer.fired", timer=seq)
                    del self.open[seq]
                case Child(waits=waits):
                    status = {child[0]: child[1] for child in self.claim.children}[seq]
                    if waits:
                        told = "completed" if status == "COMPLETED" else "failed"
                        self._event(f"child.{told}", start=seq)
                    self._event("task.completed", start=seq)
                    del self.open[seq]
        letters: dict[int, list[tuple[int, str]]] = {}
        for seq, position, event_id, _ in self.claim.mail or ():
            letters.setdefault(seq, []).append((position, event_id))
        for seq, mail in letters.items():
            self._read(seq, mail)

    def _read(self, seq: int, mail: list[tuple[int, str]]) -> None:
        listen = self.open[seq]
        assert isinstance(listen, Listen)
        mail = [letter for letter in mail if letter[1] not in self.consumed]
        if not mail:
            return
        how = self.choose(("end", "go on", "look"))
        looked = len(mail) if how == "look" else 1
        if how != "look":
            _, event_id = mail[0]
            self._event("event.received", start=seq, received=event_id, filter=0, cloud_event={})
            self.consumed.add(event_id)
            self.decision.letters.consumed.append((self.claim.id, Consume(seq, event_id)))
        if how == "end":
            self._end_listen(seq)
            return
        if how == "go on":
            self._event("iteration.completed", start=seq)
            self.decision.letters.looking.append((self.claim.id, LookAgain(seq)))
        positions = [position for position, _ in mail]
        seen = min(positions[looked:], default=max(positions) + 1) - 1
        self.decision.letters.seen.append((self.claim.id, seq, seen))
        ids = {event_id for position, event_id in mail if position <= seen}
        self.open[seq] = Listen(listen.wanted, listen.seen | ids)

    def _go_on(self, move: str) -> None:
        match move:
            case "perform" | "lease":
                seq = self._event("task.started", activity="http", arguments={})
                token = str(uuid4()) if move == "lease" else None
                self.if_it_goes_on.append(lambda: self.draft.job(seq, "perform", token=token))
                self.open[seq] = Activity(token, 1 if token else 0)
                if token:
                    self.decision.leases[self.claim.id, seq] = token
            case "timer" | "later":
                due_at = PAST if move == "timer" else FUTURE
                seq = self._event("timer.set", due_at=due_at)
                self.if_it_goes_on.append(lambda: self.draft.job(seq, "decide", due_at=due_at))
                self.open[seq] = Timer(move == "timer")
            case "listen" | "listen twice":
                self._listen([self.choose(WANTED) for _ in range(2 if move == "listen twice" else 1)])
            case "child" | "free child":
                self._start_child(waits=move == "child")
            case "leave" if older := sorted(self.open.keys() & self.workflow.open.keys()):
                self._leave(self.choose(older))
            case _:
                return

    def _listen(self, wanted: list[Wanted]) -> None:
        seq = self._event("task.started", kind="listen")
        self._event("listen.started", start=seq, subscriptions=[_told(*one) for one in enumerate(wanted)])
        self.open[seq] = Listen(tuple(wanted))
        for place, one in enumerate(wanted):
            keys: list[Any] = list(one.keys)
            subscription = Subscribe(seq, place, one.correlation.id, one.type, keys, one.value)
            self._later(self.decision.letters.subscribed, subscription)

    def _start_child(self, *, waits: bool) -> None:
        child = str(UUID(int=time_ns() // 1_000_000 << 80 | uuid4().int >> 48))  # sorts by time, as others do
        seq = self._event("task.started", kind="run")
        self._event("child.started", start=seq, child=child, waits=waits)
        self.open[seq] = Child(child, waits)
        self._later(
            self.decision.letters.started, StartChild(seq, child, "default", "sample", None, {}, waits)
        )
        self._later_effect(lambda model: model.workflows.update({child: Workflow(child)}))

    def _later(self, letters: list[tuple[str, T]], letter: T) -> None:
        self.if_it_goes_on.append(lambda: letters.append((self.claim.id, letter)))

    def _later_effect(self, effect: Effect) -> None:
        self.if_it_goes_on.append(lambda: self.decision.effects.append(effect))

    def _leave(self, seq: int) -> None:
        """A task ends before what it waits for has come."""
        match self.open[seq]:
            case Listen():
                self._end_listen(seq)
                return
            case Child() as child:
                self._event("task.cancelled", start=seq, ends_child=child.id)
                if child.waits:
                    self.left.append(child.id)
                    self.decision.letters.cancelled.append(CancelChild(child.id))
            case Activity():
                self._event("task.cancelled", start=seq, ends_jobs=[seq])
                self._drop(seq)
            case Timer():
                self._event("error.caught", ends_jobs=[seq])
                self._drop(seq)
        del self.open[seq]

    def _drop(self, seq: int) -> None:
        self.decision.writes.ended_jobs_of.append(self.claim.id)
        self.decision.writes.ended_jobs.append(seq)

    def _end_listen(self, seq: int) -> None:
        self._event("task.completed", start=seq, ends_listen=True)
        del self.open[seq]
        self.decision.letters.unsubscribed.append((self.claim.id, Unsubscribe(seq)))

    def _finish(self, status: str) -> None:
        if status == "COMPLETED":
            for seq in (seq for seq, one in self.open.items() if not isinstance(one, Timer)):
                self._event("task.cancelled", start=seq)
        self._event(f"workflow.{status.lower()}")
        self._write(status)

    def _write(self, status: str) -> None:
        if status == "RUNNING":
            for one in self.if_it_goes_on:
                one()
        self.draft.done(status, *self._end(status))
        self.decision.effects.append(self._committed(status))

    def _committed(self, status: str) -> Effect:
        id_, last_seq, due = self.claim.id, self.draft.seq, set(self.claim.due)

        def apply(model: Model) -> None:
            workflow = model.workflows[id_]
            workflow.last_seq, workflow.status = last_seq, status
            workflow.turn = workflow.turn and 0 not in due
            workflow.open = self.open
            workflow.consumed |= self.consumed
            for child in self.left:
                model.wish(child)
            if status != "RUNNING":
                model.ended(id_, status)

        return apply

    @staticmethod
    def _end(status: str) -> tuple[str | None, str | None]:
        return ("{}" if status == "COMPLETED" else None), (None if status == "COMPLETED" else "{}")

    def _event(self, type_: str, **data: object) -> int:
        return self.draft.event(type_, json.dumps(data))


def send(connection: psycopg.Connection, statement: object, parameters: object) -> None:
    """One statement of a turn's."""
    connection.execute(statement, parameters)  # type: ignore[call-overload]
