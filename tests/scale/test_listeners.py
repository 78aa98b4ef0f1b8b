"""Very many listeners: a CloudEvent finds the one that waits for it at the cost of a few."""

from __future__ import annotations

import time
from contextlib import ExitStack

import psycopg
import pytest

from benchmarks.crowds import copy_listeners, listen, pay
from benchmarks.documents import definitions
from tests.scale.conftest import Place
from tests.support.comparison import Comparison
from tests.support.waiting import until

AT_ONCE = 50
FLAT = 1.5
MEMORY = 48
"""Megabytes by which the worker may grow."""

_OPEN = "select count(*) from pgworker.subscriptions"
_CONSUMED = """
select array[count(*), count(distinct workflow_id), count(distinct event_id)] from pgworker.consumptions
"""
_STATUS = "select status from pgworker.workflows where id = %s"
_LISTENER = """
select id from pgworker.workflows where input = jsonb_build_object('order', 'order-' || %s::integer)
"""


class Payments:
    """Payments at one place, each of an order that nobody has paid yet."""

    def __init__(self, place: Place, publisher: psycopg.Connection) -> None:
        self._place = place
        self._publisher = publisher
        self.paid = 0

    def cost(self) -> float:
        """Processor time for one of some that are published together, until all are consumed."""
        orders = self._next(AT_ONCE)
        with self._place.gauge.spent() as spent:
            pay(self._publisher, orders)
            until(lambda: not self._place.value("select exists (select from pgworker.jobs)"))
        return spent.seconds / AT_ONCE

    def latency(self) -> float:
        """Seconds from the publication of one to the end of who waited for it."""
        orders = self._next(1)
        listener = self._place.value(_LISTENER, orders.start)
        time.sleep(0.08)  # the worker falls asleep
        began = time.perf_counter()
        pay(self._publisher, orders)
        while self._place.value(_STATUS, listener) != "COMPLETED":
            assert time.perf_counter() - began < 20, "the listener was not woken"
        return time.perf_counter() - began

    def _next(self, many: int) -> range:
        self.paid += many
        return range(self.paid - many, self.paid)


@pytest.mark.parametrize(
    ("few", "many"),
    [
        pytest.param(500, 10_000, id="10000 listeners"),
        pytest.param(1_000, 100_000, id="100000 listeners", marks=pytest.mark.soak),
    ],
)
def test_an_event_finds_its_listener_among_very_many_at_the_cost_of_a_few(
    places: tuple[Place, Place], few: int, many: int
) -> None:
    with ExitStack() as stack:
        payments = []
        for place, listeners in zip(places, (few, many), strict=True):
            gather(place, listeners)
            publisher = stack.enter_context(psycopg.connect(place.url, autocommit=True))
            payments.append(Payments(place, publisher))
        small, large = payments
        large.cost()  # the definition has been compiled from then on
        memory = places[1].gauge.megabytes
        cost = Comparison(f"an event of {AT_ONCE}, among {many} listeners", "us", 1e6).by_turns(
            5, small.cost, large.cost
        )
        latency = Comparison(f"an event alone, among {many} listeners").by_turns(
            20, small.latency, large.latency
        )
        grown = places[1].gauge.megabytes - memory
    for place, listeners, paid in zip(places, (few, many), payments, strict=True):
        assert place.value(_OPEN) == listeners - paid.paid
        assert place.value(_CONSUMED) == [paid.paid] * 3
    assert grown < MEMORY, f"the worker has grown by {grown:.0f} MB"
    assert cost.ratio < FLAT, cost
    assert latency.ratio < FLAT, latency


def gather(place: Place, listeners: int) -> None:
    """So many workflows listen, and a worker is there that does not remember how they began to."""
    for definition in definitions():
        place.load.define(definition)
    place.begin()
    copy_listeners(place.connection, listen(place.connection), range(1, listeners))
    place.begin(poll_seconds=60)
    assert place.value(_OPEN) == listeners
