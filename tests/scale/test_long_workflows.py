"""Long and wide workflows: an event of theirs costs what an event of a small one does, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from benchmarks.bulk import started_before
from benchmarks.documents import fork, loop, named, small_input
from benchmarks.gauge import Gauge
from benchmarks.load import Load
from pgworker.types import JsonValue
from tests.conftest import WorkerFactory
from tests.support.comparison import Comparison

SMALL = 10
"""Tasks of a small workflow, or branches of a small fork."""

FLAT = 1.3
MEMORY = 64
"""Megabytes by which the worker may grow: the caches of its interpreter among them."""


def loop_of_five(tasks: int) -> list[JsonValue]:
    """A fifth of so many iterations, of five tasks each."""
    return loop(tasks // 5, 5)


@pytest.mark.parametrize(
    ("shape", "large"),
    [
        pytest.param(loop, 2_000, id="2000 iterations"),
        pytest.param(fork, 200, id="200 branches"),
        pytest.param(loop, 10_000, id="10000 iterations", marks=pytest.mark.soak),
        pytest.param(loop_of_five, 50_000, id="50000 tasks", marks=pytest.mark.soak),
        pytest.param(fork, 1_000, id="1000 branches", marks=pytest.mark.soak),
    ],
)
def test_an_event_of_a_large_workflow_costs_what_one_of_a_small_workflow_does(
    connection: psycopg.Connection,
    worker_process: WorkerFactory,
    shape: Callable[[int], list[JsonValue]],
    large: int,
) -> None:
    load = Load(connection)
    load.define(named("small", shape(SMALL)))
    load.define(named("large", shape(large)))
    worker = worker_process()
    gauge = Gauge(connection, worker.pid)

    def cost(name: str, count: int) -> Callable[[], float]:
        def run() -> float:
            with gauge.spent() as spent:
                events = started_before(load, name, given, count).events
            return spent.seconds / events

        return run

    given: dict[str, Any] = small_input()
    cost("large", 1)()  # its definition has been compiled from then on
    before = gauge.megabytes
    compared = Comparison(f"an event, {large} at once", "us", 1e6).by_turns(
        5, cost("small", large // SMALL), cost("large", 1)
    )
    grown = gauge.megabytes - before
    assert grown < MEMORY, f"the worker has grown by {grown:.0f} MB"
    assert compared.ratio < FLAT, compared
