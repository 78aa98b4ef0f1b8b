"""A world of four hands on one database, and the model of what they have committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from tests.support.interleavings_hands import Hand, Transaction, settle
from tests.support.interleavings_invariants import check, check_all_is_over, note_times
from tests.support.interleavings_model import Model, Workflow
from tests.support.interleavings_parts import BEGINNINGS, PARTS
from tests.support.interleavings_turns import Choose, decide
from tests.support.interleavings_users import LIKELY
from tests.support.letters import correlate
from tests.support.turns import Turns
from tests.support.workflows import define, start

HANDS = 4

_EMPTY = """
set session_replication_role = replica;
truncate pgworker.workflows, pgworker.events, pgworker.jobs, pgworker.cloud_events, pgworker.correlations,
    pgworker.correlated_events, pgworker.subscriptions, pgworker.consumptions, pgworker.workers;
set session_replication_role = default
"""

_MOST_ROUNDS = 50


def least(options: Sequence[object]) -> object:
    """Chooses what makes the least of it: everything that is there is taken in, and nothing new is begun."""
    return options[0]


class Wish:
    """Chooses what is wished for, each wish once, and the least of everything else."""

    def __init__(self, *wishes: object) -> None:
        self.wishes = list(wishes)

    def __call__(self, options: Sequence[Any]) -> Any:
        wished = [wish for wish in self.wishes if wish in options]
        if not wished or (wished[0] in (True, False) and options[0] not in (True, False)):
            return least(options)
        self.wishes.remove(wished[0])
        return wished[0]


class World:
    """Each hand may hold a transaction; what waits for a lock goes on as soon as that is free."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self.probe = connect()
        self.hands = [Hand(place, connect) for place in range(HANDS)]
        self.steps: Counter[str] = Counter()
        self.model = Model()
        self.checks = True

    def begin_anew(self, workflows: int) -> None:
        """An empty database, but for some workflows that have just been started."""
        self.probe.execute(_EMPTY)
        define(self.probe)
        self.model = Model()
        for hand in self.hands:
            hand.begin_anew()
        for _ in range(workflows):
            id_ = start(self.probe)
            self.model.workflows[id_] = Workflow(id_)
        note_times(self.model, self.probe)

    def let_them_listen(self) -> None:
        """Each listens, and waits for a CloudEvent that is still to be correlated."""
        self.checks = False
        self.play(self.hands[0], "user", Wish("publish"))
        self.play(self.hands[1], "turn", Wish(*["listen"] * len(self.model.workflows)))
        self.checks = True

    def possible(self, hand: Hand) -> list[str]:
        """What a hand may do next, the likely things more often."""
        if hand.waiting is not None:
            return [*["wait"] * 4, "kill"]
        if hand.transaction is None:
            return [*BEGINNINGS, "leases run out"]
        if hand.transaction.todo:
            return [*["go on"] * 12, "roll back", "roll back", "kill"]
        ends = [*["commit"] * 8, "roll back", "roll back", "kill"]
        return [*LIKELY, *ends] if hand.transaction.role == "user" else ends

    def act(self, hand: Hand, action: str, choose: Choose) -> None:
        """One statement of a hand's, and whatever goes on because of it."""
        self.steps[action] += 1
        match action:
            case "wait":
                pass
            case "leases run out":
                self._let_leases_run_out()
            case "kill":
                self.probe.execute("select pg_terminate_backend(%s, 5000)", [hand.pid])
                hand.drop()
            case "roll back":
                hand.turns.rollback()
                hand.transaction = None
            case "commit":
                self._commit(hand)
            case "go on":
                assert hand.transaction is not None
                hand.ask(*hand.transaction.todo.pop(0))
            case _:
                if hand.transaction is None:
                    hand.transaction = Transaction(action)
                PARTS[action](self.model, hand, choose)
        settle(self.hands, self.probe)

    def step(self, hand: Hand, role: str, choose: Choose) -> bool:
        """The next statement of a transaction of the role; false if that was its commit, or it waits."""
        if hand.transaction is None:
            self.act(hand, role, choose)
        elif hand.waiting is None:
            self.act(hand, "go on" if hand.transaction.todo else "commit", choose)
        return hand.transaction is not None and hand.waiting is None

    def play(self, hand: Hand, role: str, choose: Choose = least) -> None:
        """A whole transaction."""
        while self.step(hand, role, choose):
            pass
        assert hand.waiting is None

    def finish(self) -> None:
        """Everything that is open ends, everything that can go on does, and then nothing is left."""
        self.checks = True
        settle(self.hands, self.probe)
        while open_ := [hand for hand in self.hands if hand.transaction is not None]:
            for hand in open_:
                if hand.transaction is not None and hand.waiting is None:
                    self.act(hand, "roll back" if hand.transaction.todo else "commit", least)
        for _ in range(_MOST_ROUNDS):
            correlate(self.probe)
            check(self.model, self.probe, self.hands)
            workflows = self.model.workflows.values()
            late = [one.id for one in workflows if not one.is_live]
            if (
                not any(self.model.due(one) | self.model.mail(one) for one in workflows)
                and not self.probe.execute(
                    "select from pgworker.jobs where workflow_id = any (%s::uuid[])", [late]
                ).fetchall()
            ):
                break
            self._let_leases_run_out()
            for role in ("activities", "turn"):
                self.play(self.hands[0], role)
        else:
            raise AssertionError("it does not come to rest")
        for one in self.model.workflows.values():
            self.probe.execute("select pgworker.cancel_workflow(%s)", [one.id])
            one.status = "CANCELLED" if one.is_live else one.status
        self._drop_what_came_late()
        check_all_is_over(self.probe)

    def end_all(self) -> None:
        """Whatever has gone wrong: nothing is open any more."""
        if self.probe.info.transaction_status:
            self.probe.execute("rollback")
        for hand in self.hands:
            if hand.transaction is not None or hand.waiting is not None:
                self.probe.execute("select pg_terminate_backend(%s, 5000)", [hand.pid])
                hand.drop()

    def close(self) -> None:
        """The end."""
        for hand in self.hands:
            hand.close()
        self.probe.close()

    def _commit(self, hand: Hand) -> None:
        assert hand.transaction is not None
        transaction, hand.transaction = hand.transaction, None
        hand.turns.commit()
        for effect in transaction.effects:
            effect(self.model)
        note_times(self.model, self.probe)
        settle(self.hands, self.probe)
        if self.checks:
            check(self.model, self.probe, self.hands)

    def _let_leases_run_out(self) -> None:
        """Those that are not locked this moment."""
        rows = self.probe.execute(
            "update pgworker.jobs j set due_at = '2000-01-01'"
            " from (select workflow_id, seq from pgworker.jobs"
            " where lease_token is not null for update skip locked) l"
            " where j.workflow_id = l.workflow_id and j.seq = l.seq returning j.workflow_id::text, j.seq"
        )
        for key in rows:
            if (activity := self.model.activity(key)) is not None:
                activity.expired = True

    def _drop_what_came_late(self) -> None:
        """Jobs of workflows that had ended by the time when they came."""
        turns = Turns(self.probe)
        while claimed := turns.claim(batch=100):
            for one in claimed:
                self.model.workflows[one.id].last_seq = one.last_seq
            turns.commit(decide(self.model, claimed, least).writes)
        turns.rollback()
