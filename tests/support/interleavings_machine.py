"""A state machine over the SQL functions: transactions of several connections in any order."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.support.interleavings_world import HANDS, World


class Interleavings(RuleBasedStateMachine):
    """Whichever hand does whatever it can do next."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.world.begin_anew(workflows=3)
        self.world.let_them_listen()

    @rule(place=st.integers(0, HANDS - 1), data=st.data())
    def act(self, place: int, data: st.DataObject) -> None:
        """One statement: of a new transaction, or of the one that is open."""

        def choose(options: Any) -> Any:
            return data.draw(st.sampled_from(options))

        hand = self.world.hands[place]
        self.world.act(hand, choose(self.world.possible(hand)), choose)

    def teardown(self) -> None:
        """Everything comes to an end."""
        try:
            self.world.finish()
        finally:
            self.world.end_all()
