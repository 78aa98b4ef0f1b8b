"""A turn and a worker's memory are bounded in bytes, and what takes long by its size ends nobody."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from uuid import uuid4

import pytest

from pgworker.dsl.compile import compile_value
from pgworker.engine.events import Event
from pgworker.expressions.jq import EvaluationInterrupted
from pgworker.plan.nodes import Plan
from pgworker.store.turns import Claim
from pgworker.types import JsonObject
from pgworker.values import MAX_BYTES
from pgworker.worker.cache import StateCache
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.turn import Turn
from tests.support.pure import NOW, begin, play, started, stored
from tests.support.turns import maker_of
from tests.support.workflows import Task, document

WAIT: list[Task] = [{"nap": {"wait": {"hours": 1}}}]
FORK: list[Task] = [{"f": {"fork": {"branches": [{f"b{n}": {"do": WAIT}} for n in range(1000)]}}}]
LOOP: list[Task] = [
    {"l": {"for": {"in": "[range(10000)]"}, "do": [{"s": {"set": "${ .count += 1 }"}}]}},
    *WAIT,
]


def plan_of(do: list[Task]) -> Plan:
    return compile_value(document(do))


def letters(size: int) -> JsonObject:
    """Data of about so many bytes."""
    return {"count": 0, "notes": [f"{n:0{size // 100}}" for n in range(100)]}


def claim(history: Sequence[Event]) -> Claim:
    """A workflow whose turn it is, and of which its worker knows nothing yet."""
    return Claim(str(uuid4()), "default", "sample", "1.0.0", len(history), 0, [0], 0, [], history)


@pytest.mark.parametrize("slow", ["a snapshot of a large state", "a long history"])
def test_what_takes_long_outside_of_expressions_does_not_end_the_worker(slow: str) -> None:
    if slow == "a long history":
        plan = plan_of(LOOP)
        history = [stored(event) for event in play(plan, {"count": 0}).history]
        watch = DecisionWatch(seconds=0.03)
    else:
        plan = plan_of(FORK)
        history = [started(letters(8_000))]
        watch = DecisionWatch(seconds=0.5)
    maker = maker_of(lambda _: plan, watch=watch, max_events=5_000)
    try:
        list(maker.make(Turn(NOW), [claim(history)]))
    except EvaluationInterrupted:
        pytest.fail("the process would have ended here")


def test_a_decision_ends_when_it_has_made_enough_to_write() -> None:
    one = begin(plan_of(LOOP), letters(100_000))
    record = one.step()
    assert record.goes_on
    assert sum(map(len, record.encoded)) < 2 * MAX_BYTES


def test_the_states_in_memory_take_about_as_much_as_they_may() -> None:
    bytes_ = 200_000
    cache = StateCache(bytes_)
    plan = plan_of(WAIT)
    maker = maker_of(lambda _: plan, cache)

    def fill(workflows: int) -> None:
        for _ in range(workflows):
            turn = Turn(NOW)
            list(maker.make(turn, [claim([started({"order": str(uuid4())})])]))
            for workflow_id, known in turn.states.items():
                cache.put(workflow_id, known)

    fill(10)  # whatever is made once has been made from then on
    tracemalloc.start()
    try:
        fill(2_000)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 4 * bytes_, f"{len(cache)} states take {taken} bytes"
