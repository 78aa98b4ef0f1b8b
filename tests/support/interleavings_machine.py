"""A state machine over the SQL functions: transactions of several connections in any order."""

from __future__ import annotations

from random import Random
from typing import ClassVar

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

    @rule(place=st.integers(0, HANDS - 1), seed=st.integers(0, 9999))
    def act(self, place: int, seed: int) -> None:
        """One statement: of a new transaction, or of the one that is open.

        The choices follow from the seed alone: which there are depends on ids, and those are new each time.
        """
        choose, hand = Random(seed).choice, self.world.hands[place]
        self.world.act(hand, choose(self.world.possible(hand)), choose)

    def teardown(self) -> None:
        """Everything comes to an end."""
        try:
            self.world.finish()
        finally:
            self.world.end_all()
