"""A state machine over the SQL functions: transactions of several connections in any order, beside a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.support import interleavings_parts as parts
from tests.support.interleavings_hands import Hand, Transaction, settle
from tests.support.interleavings_invariants import check, check_all_is_over, note_times
from tests.support.interleavings_model import Activity, Model
from tests.support.letters import correlate
from tests.support.turns import Turns
from tests.support.workflows import define

HANDS = 4

_EMPTY = """
set session_replication_role = replica;
truncate pgworker.workflows, pgworker.events, pgworker.jobs, pgworker.cloud_events, pgworker.correlations,
    pgworker.correlated_events, pgworker.subscriptions, pgworker.consumptions, pgworker.workers;
set session_replication_role = default
"""


class Interleavings(RuleBasedStateMachine):
    """Four hands, each of which may hold a transaction; what waits for a lock goes on when that is free."""

    connect: ClassVar[Callable[[], psycopg.Connection]]
    steps: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.probe = type(self).connect()
        self.probe.execute(_EMPTY)
        define(self.probe)
        self.model = Model()
        self.hands = [Hand(place, type(self).connect) for place in range(HANDS)]

    @rule(place=st.integers(0, HANDS - 1), data=st.data())
    def act(self, place: int, data: st.DataObject) -> None:
        """One statement of one hand: of a new transaction, or of the one that is open."""
        hand = self.hands[place]

        def choose(options: Sequence[Any]) -> Any:
            return data.draw(st.sampled_from(options))

        action = choose(self._possible(hand))
        self._count(action)
        self._act(hand, action, choose)
        settle(self.hands, self.probe)

    @rule()
    def leases_run_out(self) -> None:
        """Whatever is leased and not locked this moment."""
        self._count("leases_run_out")
        rows = self.probe.execute(
            "update pgworker.jobs j set due_at = '2000-01-01' from (select workflow_id, seq from pgworker.jobs"
            " where lease_token is not null for update skip locked) l"
            " where j.workflow_id = l.workflow_id and j.seq = l.seq returning j.workflow_id::text, j.seq"
        )
        for key in rows:
            if (activity := self.model.activity(key)) is not None:
                activity.expired = True

    def teardown(self) -> None:
        """Everything that is open ends, everything that can go on does, and then nothing is left."""
        try:
            settle(self.hands, self.probe)
            while any(hand.transaction is not None for hand in self.hands):
                for hand in self.hands:
                    if hand.transaction is not None and hand.waiting is None:
                        self._act(hand, "roll back" if hand.transaction.todo else "commit", lambda o: o[0])
                        settle(self.hands, self.probe)
            self._let_it_finish()
            check_all_is_over(self.probe)
        finally:
            for hand in self.hands:
                hand.connection.close()
            self.probe.close()
            for hand in self.hands:
                hand.close()

    def _let_it_finish(self) -> None:
        hand = self.hands[0]
        for _ in range(50):
            correlate(self.probe)
            check(self.model, self.probe, self.hands)
            self.leases_run_out()
            for role in ("activities", "turn"):
                self._act(hand, role, lambda options: options[-1] if isinstance(options[0], int) else options[0])
                settle(self.hands, self.probe)
                while hand.transaction is not None:
                    self._act(hand, "go on" if hand.transaction.todo else "commit", lambda o: o[0])
                    settle(self.hands, self.probe)
            if not any(self.model.due(one) | self.model.mail(one) for one in self.model.workflows.values()):
                break
        else:
            raise AssertionError("it does not come to rest")
        for workflow in list(self.model.workflows.values()):
            self.probe.execute("select pgworker.cancel_workflow(%s)", [workflow.id])
        turns = Turns(self.probe)
        while claimed := turns.claim(batch=100):  # what came too late for those that had ended
            from tests.support.interleavings_turns import decide

            for one in claimed:
                self.model.workflows[one.id].last_seq = one.last_seq
                self.model.workflows[one.id].status = "CANCELLED"
            turns.commit(decide(self.model, claimed, lambda o: o[0]).writes)
        turns.rollback()

    def _possible(self, hand: Hand) -> list[str]:
        if hand.waiting is not None:
            return ["wait", "kill"]
        if hand.transaction is None:
            return list(parts.BEGINNINGS)
        if hand.transaction.todo:
            return ["go on", "go on", "go on", "roll back", "kill"]
        ends = ["commit", "commit", "commit", "roll back", "kill"]
        return [*parts.CONTINUATIONS, *ends] if hand.transaction.role == "user" else ends

    def _act(self, hand: Hand, action: str, choose: Callable[[Sequence[Any]], Any]) -> None:
        match action:
            case "wait":
                return
            case "kill":
                self.probe.execute("select pg_terminate_backend(%s, 5000)", [hand.pid])
                hand.drop()
            case "roll back":
                hand.turns.rollback()
                hand.transaction = None
            case "commit":
                assert hand.transaction is not None
                transaction, hand.transaction = hand.transaction, None
                hand.turns.commit()
                for effect in transaction.effects:
                    effect(self.model)
                settle(self.hands, self.probe)
                note_times(self.model, self.probe)
                check(self.model, self.probe, self.hands)
            case "go on":
                assert hand.transaction is not None
                hand.ask(*hand.transaction.todo.pop(0))
            case _:
                if hand.transaction is None:
                    hand.transaction = Transaction(action)
                parts.PARTS[action](self.model, hand, choose)

    def _count(self, action: str) -> None:
        self.steps[action] = self.steps.get(action, 0) + 1


