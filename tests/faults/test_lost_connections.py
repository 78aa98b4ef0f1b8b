"""Connections that are lost without a word, slow ones, and answers that never arrive."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.load import NAME, all_done, check, define_load, pulse
from tests.support.oracle import attempts
from tests.support.proxy import Proxy
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import start

CONNECTIONS = ("pgworker wheel", "pgworker listener", "pgworker keeper")

NOTICED = 15.0
"""Seconds within which a connection that leads nowhere is noticed and replaced."""


def test_connections_that_lead_nowhere_are_noticed_and_replaced(
    connection: psycopg.Connection, new_proxy: Callable[[], Proxy], worker_process: WorkerFactory, stub: Stub
) -> None:
    """Three workers: one is not heard any more, one hears nothing, and one neither."""
    define_load(connection, stub.url)
    proxies = [new_proxy() for _ in range(3)]
    workers = [worker_process(database_url=one.url, poll_seconds=0.5, lease_seconds=30) for one in proxies]
    pulse(connection)
    before = [set(proxy.links) for proxy in proxies]
    for proxy, (to_server, to_client) in zip(
        proxies, [(False, True), (True, False), (False, False)], strict=True
    ):
        proxy.over().to_server = to_server
        proxy.over().to_client = to_client
    began = time.monotonic()
    for _ in range(10):
        start(connection, NAME)
    time.sleep(1)
    for proxy in proxies:
        proxy.clear()
    until(lambda: all(_is_whole(proxy) for proxy in proxies), NOTICED + 10, what="connections that work")
    took = time.monotonic() - began
    sys.stdout.write(f"all connections were replaced after {took:.1f} s\n")
    assert took < NOTICED
    assert pulse(connection) < 3
    # what the workers held in turns is free when the server finds that nobody is there
    for proxy, links in zip(proxies, before, strict=True):
        proxy.cut(among=links)
    all_done(connection)
    check(connection, workers, stub, faults=2)


def _is_whole(proxy: Proxy) -> bool:
    return all(proxy.count(application) for application in CONNECTIONS)


@pytest.mark.parametrize(
    "losses", [pytest.param(12, id="12 losses"), pytest.param(500, id="500 losses", marks=pytest.mark.soak)]
)
def test_commits_whose_answers_are_lost_count_and_are_not_made_again(
    connection: psycopg.Connection, proxy: Proxy, worker_process: WorkerFactory, stub: Stub, losses: int
) -> None:
    """Nor is anything left leased that nobody performs, until the lease runs out and counts as an attempt."""
    define_load(connection, stub.url)
    workers = [worker_process(database_url=proxy.url, poll_seconds=0.2, lease_seconds=60) for _ in range(2)]
    while proxy.lost_commits < losses:
        for _ in range(5):
            start(connection, NAME)
        lost = proxy.lost_commits
        proxy.over("pgworker wheel").lose_commits = 2
        until(lambda lost=lost: proxy.lost_commits >= lost + 2)
        time.sleep(0.1)
    proxy.clear()
    all_done(connection)
    assert attempts(connection).keys() == {1}
    assert set(stub.keys().values()) == {1}
    check(connection, workers, stub, faults=0)


def test_work_is_done_over_a_slow_line_that_breaks(
    connection: psycopg.Connection, proxy: Proxy, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    worker = worker_process(database_url=proxy.url, poll_seconds=0.5, lease_seconds=3)
    proxy.over().delay = 0.05
    for _ in range(4):
        for _ in range(5):
            start(connection, NAME)
        time.sleep(0.6)
        proxy.cut()
    assert pulse(connection) < 5
    all_done(connection)
    check(connection, [worker], stub, faults=4)


@pytest.mark.soak
def test_everything_goes_on_soon_after_a_long_absence_of_the_database(
    connection: psycopg.Connection, proxy: Proxy, worker_process: WorkerFactory, stub: Stub
) -> None:
    """Not only turns: heartbeats, CloudEvents and schedules as well, however long it took."""
    define_load(connection, stub.url)
    worker = worker_process(database_url=proxy.url, poll_seconds=0.5, lease_seconds=3)
    pulse(connection)
    proxy.refuses = True
    proxy.cut()
    time.sleep(33)
    proxy.refuses = False
    began = time.monotonic()
    connection.execute("select pgworker.publish_event('order.paid')")
    assert pulse(connection) < 8
    until(lambda: not connection.execute("select 1 from pgworker.jobs where kind = 'correlate'").fetchone())
    until(
        lambda: connection.execute(
            "select 1 from pgworker.workers where heartbeat_at > clock_timestamp() - interval '1 s'"
        ).fetchone()
    )
    assert time.monotonic() - began < 10
    check(connection, [worker], stub, faults=1)
