"""Memory: what a worker takes stays as it is, however long it works.

``PGWORKER_TEST_MINUTES`` is another time than an hour.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from statistics import median

import psutil
import psycopg
import pytest

from tests.support.stub import Stub
from tests.support.twenty_tasks import define_twenty_tasks, start_twenty_tasks
from tests.support.waiting import until

AT_ONCE = 200
"""So many workflows are open."""

SAMPLE_SECONDS = 5.0
GROWTH = 1.1
"""The last quarter may take so much more than the second; the first is for warming up."""

MEGABYTE = 1024 * 1024


@pytest.mark.soak
def test_a_loaded_worker_takes_no_more_memory_as_the_hour_goes_by(
    connection: psycopg.Connection, database_url: str, stub: Stub
) -> None:
    minutes = float(os.environ.get("PGWORKER_TEST_MINUTES") or 60)
    define_twenty_tasks(connection, stub.url)
    environment = os.environ | {
        "PGWORKER_DATABASE_URL": database_url,
        "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
        "PGWORKER_CONCURRENCY": "50",
        "PGWORKER_LOG_LEVEL": "WARNING",
    }
    with subprocess.Popen([sys.executable, "-m", "pgworker", "worker"], env=environment) as supervisor:
        try:
            taken, started = _loaded(connection, psutil.Process(supervisor.pid), 60 * minutes)
            until(lambda: _open(connection) == 0, seconds=60, what="the end of all")
        finally:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(30)
    assert supervisor.returncode == 0
    quarters = [median(taken[len(taken) * n // 4 : len(taken) * (n + 1) // 4]) for n in range(4)]
    shown = ", ".join(f"{quarter / MEGABYTE:.1f}" for quarter in quarters)
    sys.stdout.write(f"{started} workflows in {minutes:g} minutes; MB in each quarter of it: {shown}\n")
    assert quarters[3] < GROWTH * quarters[1], shown
    # what was received is purged by its age, whoever received it: the oracle would miss it
    statuses = connection.execute("select distinct status from pgworker.workflows").fetchall()
    assert statuses == [("COMPLETED",)]
    assert connection.execute("select * from pgworker.check_workflows()").fetchall() == []


def _loaded(connection: psycopg.Connection, worker: psutil.Process, seconds: float) -> tuple[list[int], int]:
    """Keeps workflows open for so long; returns the memory taken, in samples, and how many were started."""
    taken: list[int] = []
    started = 0
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        while time.monotonic() < now + SAMPLE_SECONDS:
            missing = AT_ONCE - _open(connection)
            started += len(start_twenty_tasks(connection, max(missing, 0)))
            time.sleep(0.1)
        connection.execute("select pgworker.purge('20 s')")
        taken.append(sum(one.memory_info().rss for one in (worker, *worker.children(recursive=True))))
    return taken, started


def _open(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from pgworker.workflows where ended_at is null").fetchone()
    return 0 if row is None else int(row[0])
