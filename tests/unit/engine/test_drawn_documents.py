"""Documents at random are worth something as long as they make everything happen that can happen."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from pgworker.engine import events, inputs
from pgworker.plan.listening import Mode, Read
from tests.support.drawn.cases import sample
from tests.support.drawn.features import features
from tests.support.told import Told

CASES = 500

FROM_OUTSIDE = ("workflow.paused", "workflow.resumed", "workflow.retried", "workflow.rewound")
"""What no document brings about."""

EVENT_TYPES = [
    value
    for name, value in vars(events).items()
    if name.isupper() and isinstance(value, str) and value not in FROM_OUTSIDE
]
STARTED = (
    "wait", "activity", "child", "function", "listen", "foreach", "subscribe", "do", "for", "fork", "try",
)  # fmt: skip
"""Tasks that take their time."""

KINDS = (*STARTED, "set", "switch", "emit")
AROUND = ("do", "for", "fork", "try", "foreach", "subscribe", "function", "extension")


@pytest.fixture(scope="module")
def ran() -> list[Told]:
    """The sample, run through."""
    return [case.run() for case in sample(CASES)]


@pytest.fixture(scope="module")
def met(ran: list[Told]) -> Counter[str]:
    """In how many cases of the sample a feature was met."""
    return Counter(feature for told in ran for feature in features(told))


def rare(met: Counter[str], least: int, *wanted: str) -> dict[str, int]:
    """Those of the features that were met in fewer cases."""
    return {feature: met[feature] for feature in wanted if met[feature] < least}


def test_every_type_of_event_occurs(met: Counter[str]) -> None:
    assert len(EVENT_TYPES) > 30
    assert rare(met, 15, *EVENT_TYPES) == {}


def test_every_kind_of_task_ends_in_every_way(met: Counter[str]) -> None:
    assert rare(met, 3, *(f"{kind} completed" for kind in KINDS)) == {}
    assert rare(met, 3, *(f"{kind} {end}" for kind, end in product(STARTED, ("failed", "cancelled")))) == {}


def test_every_kind_of_task_has_a_data_flow_a_timeout_and_extensions(met: Counter[str]) -> None:
    stages = product(KINDS, ("input", "output", "export"))
    assert rare(met, 2, *(f"{kind} with {stage}" for kind, stage in stages)) == {}
    assert rare(met, 3, *(f"{kind} with timeout" for kind in STARTED)) == {}
    assert rare(met, 1, *(f"{kind} too long" for kind in STARTED)) == {}
    assert rare(met, 2, *(f"{kind} extended" for kind in KINDS)) == {}


def test_every_kind_of_task_runs_in_every_other(met: Counter[str]) -> None:
    assert rare(met, 1, *(f"{inner} in {outer}" for inner, outer in product(KINDS, AROUND))) == {}


def test_there_are_listens_of_every_kind(met: Counter[str]) -> None:
    strategies = [f"listen to {mode}" for mode in Mode] + [f"listen until {mode}" for mode in Mode]
    assert rare(met, 2, *strategies, "listen until an expression", "listen with an expectation") == {}
    assert rare(met, 10, *(f"read {read}" for read in Read), "learned", "until", "ends_listen") == {}


def test_there_is_the_rest_of_what_events_can_tell(met: Counter[str]) -> None:
    purposes = [f"purpose {purpose}" for purpose in ("wait", "timeout", "retry", "attempt")]
    assert rare(met, 5, *purposes, "retry after a delay", "retry", "iteration", "sealed", "end", "exit") == {}
    assert rare(met, 5, "emits", "emits, and gives something else", "settles", "ends_jobs") == {}
    assert rare(met, 5, "waits", "child that is not waited for", "ends_child", "version 1.0.0") == {}


def test_the_world_tells_everything_that_it_can_tell(met: Counter[str]) -> None:
    told = [f"told {one.__name__}" for one in inputs.Input.__args__]
    assert len(told) == 6
    assert rare(met, 20, *told, "told several at once", "told in vain") == {}
    reports = ("COMPLETED", "FAILED", "CANCELLED", "RUNNING", "None")
    assert rare(met, 10, *(f"child {report}" for report in reports)) == {}


def test_every_document_compiles_and_most_workflows_get_somewhere(ran: list[Told]) -> None:
    lengths = sorted(len(told.one.history) for told in ran)
    assert lengths[CASES // 2] >= 10
    assert lengths[-CASES // 20] >= 40
