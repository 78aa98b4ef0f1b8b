"""Transactions of several connections in any order: no deadlock, no lost wake-up, and a true history."""

from __future__ import annotations

import sys
from collections.abc import Callable

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.interleavings_machine import Interleavings
from tests.support.interleavings_world import World

Connect = Callable[[], psycopg.Connection]

usual = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
long = settings(usual, max_examples=3000, stateful_step_count=50, derandomize=False, print_blob=True)


def _run(connect: Connect, how: settings) -> None:
    class Machine(Interleavings):
        world = World(connect)

    try:
        run_state_machine_as_test(Machine, settings=how)
    finally:
        steps = Machine.world.steps
        Machine.world.close()
        sys.stdout.write(f"{steps.total()} steps: {dict(steps)}\n")


def test_transactions_in_any_order_neither_lock_each_other_out_nor_forget_anything(connect: Connect) -> None:
    _run(connect, usual)


@pytest.mark.soak
def test_many_more_orders_of_transactions(connect: Connect) -> None:
    _run(connect, long)
