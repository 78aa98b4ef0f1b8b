"""What work costs in CPU time."""

from __future__ import annotations

import os
import sys

import psycopg
import pytest

from benchmarks.peers.cost import cpu_seconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


def spend() -> None:
    """Half a second, roughly."""
    sum(range(20_000_000))


def test_the_time_of_workers_and_of_their_servers_is_counted(database_url: str) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as watching,
        psycopg.connect(database_url, autocommit=True) as worker,
    ):
        before = cpu_seconds([], watching)
        worker.execute("select count(*) from generate_series(1, 2000000)")
        served = cpu_seconds([], watching)
        assert before is not None
        assert served is not None
        assert served > before
        with_us = cpu_seconds([os.getpid()], watching)
        spend()
        later = cpu_seconds([os.getpid()], watching)
        assert with_us is not None
        assert later is not None
        assert later > with_us > served


def test_what_the_watcher_itself_has_the_server_do_is_not(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as watching:
        before = cpu_seconds([], watching)
        watching.execute("select count(*) from generate_series(1, 2000000)")
        assert cpu_seconds([], watching) == before == 0


def test_nothing_is_told_of_a_process_that_is_not_there(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as watching:
        assert cpu_seconds([2**22 + 1], watching) is None
