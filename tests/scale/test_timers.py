"""Very many timers: they cost nothing until they are due, and then each fires once, not before its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import quantiles

import pytest

from benchmarks.crowds import FAR, copy_timers, wait
from benchmarks.documents import definitions, small_input
from benchmarks.waiting import idle_latency
from tests.scale.conftest import Place
from tests.support.comparison import Comparison
from tests.support.oracle import violations
from tests.support.waiting import until

NOTHING = 1.5
"""So many times what it takes beside no timer may it take beside all of them."""

MEMORY = 48
"""Megabytes by which the worker may grow."""

_CLAIM_TURN = "select from pgworker.claim_turn(gen_random_uuid(), 50, '{}', '{}')"

_LATENESS = """
select extract(epoch from fired.occurred_at - (timer.data ->> 'due_at')::timestamptz)::float8
from pgworker.events fired
join pgworker.events timer on timer.workflow_id = fired.workflow_id and timer.seq = 3
where fired.type = 'timer.fired'
"""


def looks(place: Place) -> float:
    """Seconds that a worker's look takes which finds nothing to do: the mean of some."""
    began = time.perf_counter()
    for _ in range(10):
        with place.connection.transaction():
            place.connection.execute(_CLAIM_TURN)
            place.connection.execute("select from pgworker.claim_activities('nobody', 10, '30 s')")
    return (time.perf_counter() - began) / 10


def turns(place: Place) -> float:
    """Seconds from the start of a small workflow to its end."""
    return idle_latency(place.load, "one", small_input(), 1)[0]


def compared(
    what: str, repetitions: int, measure: Callable[[Place], float], places: tuple[Place, Place]
) -> Comparison:
    small, large = places
    return Comparison(what).by_turns(repetitions, lambda: measure(small), lambda: measure(large))


@pytest.mark.parametrize(
    ("count", "soon"),
    [
        pytest.param(10_000, 1_000, id="10000 timers"),
        pytest.param(100_000, 10_000, id="100000 timers", marks=pytest.mark.soak),
        pytest.param(1_000_000, 100_000, id="1000000 timers", marks=pytest.mark.soak),
    ],
)
def test_timers_cost_nothing_until_they_are_due_and_then_each_fires_once_and_not_early(
    places: tuple[Place, Place], count: int, soon: int
) -> None:
    _, large = places
    for place in places:
        for definition in definitions():
            place.load.define(definition)
        place.begin()
    original = wait(large.connection)
    copy_timers(large.connection, original, count, FAR, count)
    for place in places:  # nobody remembers how the timers were set
        place.begin(poll_seconds=60)

    turn = compared("a turn", 20, turns, places)
    look = compared("a look that finds nothing", 30, looks, places)
    assert turn.ratio < NOTHING, turn
    assert look.ratio < NOTHING, look

    memory = large.gauge.megabytes
    due = time.time() + 2 + soon / 4_000
    copy_timers(large.connection, original, soon, due, 1)
    turns(large)  # a worker that sleeps has to be told: what copies timers does not tell it
    time.sleep(max(0, due - time.time()))
    rest = (
        "select exists (select from pgworker.jobs"
        " where kind = 'decide' and priority = 0 and due_at < now() + interval '1 minute')"
    )
    until(lambda: not large.value(rest), seconds=600, what="the end of the timers that are due")
    seconds = time.time() - due

    lateness = sorted(row[0] for row in large.connection.execute(_LATENESS))
    ended = large.value(
        "select count(*) from pgworker.workflows where name = 'wait' and status = 'COMPLETED'"
    )
    assert (len(lateness), ended) == (soon, soon)
    assert lateness[0] >= 0, "a timer fired early"
    assert large.value("select count(*) from pgworker.jobs") == count + 1
    grown = large.gauge.megabytes - memory
    cuts = quantiles(lateness, n=100)
    sys.stdout.write(
        f"{soon} timers of one second: done {seconds - 1:.1f} s after the last was due,"
        f" late by {cuts[49]:.2f} s (p50), {cuts[98]:.2f} s (p99); the worker grew by {grown:.0f} MB\n"
    )
    assert grown < MEMORY
    compared("a look that finds nothing, after those timers", 30, looks, places)
    if count <= 10_000:
        assert violations(large.connection) == []


@pytest.mark.soak
def test_a_worker_that_sets_very_many_timers_remembers_as_many_workflows_as_it_may(
    places: tuple[Place, Place],
) -> None:
    count, megabytes = 100_000, 8
    place, _ = places
    for definition in definitions():
        place.load.define(definition)
    place.begin(cache_megabytes=megabytes)
    place.load.start("wait", {"at": FAR}, 100)
    pending = "select exists (select from pgworker.jobs where kind = 'decide' and due_at <= now())"
    until(lambda: not place.value(pending), what="the first timers")
    before = place.gauge.megabytes
    place.load.start("wait", {"at": FAR}, count)
    until(lambda: not place.value(pending), seconds=300, what="all timers")
    grown = place.gauge.megabytes - before
    sys.stdout.write(
        f"{count} timers were set: the worker grew by {grown:.0f} MB, and may keep {megabytes} MB\n"
    )
    assert grown < 2 * megabytes + 8
