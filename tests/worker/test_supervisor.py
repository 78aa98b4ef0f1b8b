"""Several engine processes under one supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import psycopg
import pytest

from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import define, ended, start


@pytest.fixture
def supervisor(database_url: str, connection: psycopg.Connection) -> Iterator[subprocess.Popen[bytes]]:
    """``pgworker worker`` with two processes, both known to the database."""
    environment = os.environ | {
        "PGWORKER_DATABASE_URL": database_url,
        "PGWORKER_PROCESSES": "2",
        "PGWORKER_POLL_SECONDS": "1",
    }
    with subprocess.Popen([sys.executable, "-m", "pgworker", "worker"], env=environment) as process:
        until(lambda: _workers(connection) == 2, seconds=30, what="two workers")
        yield process
        if process.poll() is None:
            process.kill()


def _workers(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from pgworker.workers").fetchone()
    assert row is not None
    return int(row[0])


def test_a_process_that_dies_is_replaced_and_work_goes_on(
    connection: psycopg.Connection, supervisor: subprocess.Popen[bytes]
) -> None:
    define(connection)
    children = {child.pid for child in psutil.Process(supervisor.pid).children()}
    assert len(children) == 2
    os.kill(min(children), signal.SIGKILL)
    until(
        lambda: len({c.pid for c in psutil.Process(supervisor.pid).children()} - children) == 1,
        seconds=20,
        what="a new process",
    )
    for started in [start(connection) for _ in range(20)]:
        assert ended(connection, started)["status"] == "COMPLETED"
    assert violations(connection) == []


def test_it_stops_its_processes_and_exits_with_zero(supervisor: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(supervisor.pid).children()
    supervisor.terminate()
    assert supervisor.wait(timeout=30) == 0
    assert not any(child.is_running() for child in children)


def test_its_processes_stop_when_it_is_killed(supervisor: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(supervisor.pid).children()
    supervisor.kill()
    supervisor.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
