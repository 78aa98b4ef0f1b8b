"""Cases: a document, what it is started with, and what the world will say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pgworker.dsl.compile import compile_value
from pgworker.engine.decide import MAX_HISTORY
from pgworker.types import JsonObject, JsonValue
from tests.support.drawn.dice import Dice
from tests.support.drawn.documents import document
from tests.support.drawn.values import INPUTS
from tests.support.drawn.world import Answers, answers
from tests.support.promptly import promptly
from tests.support.pure import begin
from tests.support.told import HURRIED, PIECES, WHOLE, Pace, Told

usual = settings(
    max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
"""For a property among others: the same few cases each time."""

long = settings(usual, max_examples=3000, derandomize=False)
"""For a property on its own, in a soak test."""


@dataclass(frozen=True)
class Case:
    """Everything that the history of one workflow follows from."""

    document: JsonObject
    value: JsonValue
    answers: Answers

    def run(self, pace: Pace = WHOLE, most: int = MAX_HISTORY) -> Told:
        """The workflow, run through at this pace; it fails at ``most`` events."""
        with promptly(20):
            one = begin(compile_value(self.document), self.value)
            return Told(replace(one, most=most), self.answers, pace)


def case(dice: Dice) -> Case:
    """A case."""
    return Case(document(dice), dice.one_of(INPUTS), answers(dice))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Cases that Hypothesis draws."""
    return case(Dice.of(draw))


paces = st.sampled_from([WHOLE, PIECES, HURRIED, Pace(1, 1), Pace(2, 2), Pace(5, 1)])


def sample(count: int) -> Iterator[Case]:
    """So many cases, the same each time."""
    return (case(Dice.seeded(seed)) for seed in range(count))
