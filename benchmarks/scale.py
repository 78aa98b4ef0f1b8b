"""Scale: long and wide workflows, and what very many that wait cost those that do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import psycopg

from benchmarks.bulk import started_before
from benchmarks.crowds import FAR, copy_listeners, copy_timers, listen, pay, wait
from benchmarks.documents import definitions, fork, loop, named, small_input
from benchmarks.load import Load
from benchmarks.report import Row, median_row, percentiles
from benchmarks.server import fresh_database
from benchmarks.waiting import PAUSE_SECONDS, idle_latency
from pgworker.types import JsonObject

SMALL = 10
"""Iterations, or branches, of a small workflow; there are as many of those as it takes."""

_LISTENER = """
select id from pgworker.workflows where input = jsonb_build_object('order', 'order-' || %s::integer)
"""

Workers = Callable[[str], AbstractContextManager[None]]
"""Lets workers work on the database with this URL."""


def long_rows(load: Load, repeat: int, iterations: int, branches: int) -> list[Row]:
    """Events a second of one large workflow, beside those of the same work in small ones."""
    rows = []
    for what, shape, large in (("iterations", loop, iterations), ("branches", fork, branches)):
        for size, count in ((SMALL, large // SMALL), (large, 1)):
            name = f"{what}-{size}"
            load.define(named(name, shape(size)))
            started_before(load, name, small_input(), 1)  # its definition has been compiled from then on
            runs = [started_before(load, name, small_input(), count) for _ in range(repeat)]
            samples = [run.events / (run.starting + run.draining) for run in runs]
            rows.append(median_row(f"{count:,} x {size:,} {what}", "events/s", samples))
    return rows


def timer_rows(url: str, workers: Workers, timers: int, count: int) -> list[Row]:
    """Idle latency beside no timers and beside very many."""
    rows = []
    with fresh_database(url) as place, psycopg.connect(place, autocommit=True) as connection:
        load = _defined(connection, definitions())
        with workers(place):
            rows += _idle(load, 0, count)
            copy_timers(connection, wait(connection), timers, FAR, timers)
            rows += _idle(load, timers, count)
    return rows


def listener_rows(url: str, workers: Workers, listeners: Sequence[int], count: int) -> list[Row]:
    """From the publication of a CloudEvent to the end of the one workflow that waited for it."""
    rows = []
    for many in listeners:
        with fresh_database(url) as place, psycopg.connect(place, autocommit=True) as connection:
            _defined(connection, definitions())
            with workers(place):
                original = listen(connection)
            copy_listeners(connection, original, range(1, many))
            with workers(place):
                seconds = [_pay(connection, order) for order in range(count + 1)][1:]
        rows += percentiles(f"a CloudEvent among {many:,} listeners", seconds, f"{count} CloudEvents")
    return rows


def _idle(load: Load, timers: int, count: int) -> list[Row]:
    idle_latency(load, "one", small_input(), 5)
    seconds = idle_latency(load, "one", small_input(), count)
    return percentiles(f"idle latency beside {timers:,} timers, 1 task", seconds, f"{count} workflows")


def _defined(connection: psycopg.Connection, documents: Sequence[JsonObject]) -> Load:
    load = Load(connection)
    for definition in documents:
        load.define(definition)
    return load


def _pay(connection: psycopg.Connection, order: int) -> float:
    (listener,) = connection.execute(_LISTENER, [order]).fetchone() or (None,)
    time.sleep(PAUSE_SECONDS)
    began = time.perf_counter()
    pay(connection, range(order, order + 1))
    status = "select status = 'COMPLETED' from pgworker.workflows where id = %s"
    while connection.execute(status, [listener]).fetchone() != (True,):
        if time.perf_counter() - began > 10:
            raise TimeoutError("a listener was not woken")
    return time.perf_counter() - began
