"""A storm: workers are killed all the time under workflows of every kind of task, ten thousand times.

``PGWORKER_TEST_KILLS`` is another number of kills, ``PGWORKER_TEST_SEED`` another course of things.
"""

from __future__ import annotations

import os
import random
import sys
import time

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.processes import WorkerProcess
from tests.support.stub import Stub
from tests.support.twenty_tasks import define_twenty_tasks, start_twenty_tasks
from tests.support.waiting import until

WORKERS = 4
LEASE = 2.0
SETTLE = LEASE + 10
"""So long after the last kill everything has to be done, as the scorecard asks."""

KILL_EVERY = 0.12
ATTEMPTS = 1000
"""Kills are meant to be survived here, not to be given up on."""

CALM_SPEED = 20
"""So many workflows a second end at least, once nobody is killed any more."""

NEXT_ROUND = 400
"""When so many workflows of a round are left, the next round begins."""


class _Storm:
    """Workers, one of which is always about to be killed, and rounds of workflows for them."""

    def __init__(
        self, connection: psycopg.Connection, worker_process: WorkerFactory, chance: random.Random
    ) -> None:
        self._connection = connection
        self._worker_process = worker_process
        self._chance = chance
        self._workers = [self._worker() for _ in range(WORKERS)]
        self.started: list[str] = []

    def begin_round(self, size: int) -> None:
        """Starts workflows."""
        self.started += start_twenty_tasks(self._connection, size)

    def kill_one(self) -> None:
        """Kills a worker with whatever it is doing, and puts another in its place at once."""
        time.sleep(self._chance.uniform(0.5, 1.5) * KILL_EVERY)
        victim = self._chance.randrange(WORKERS)
        worker = self._workers[victim]
        assert worker.poll() is None, f"it ended by itself:\n{worker.log}"
        worker.kill()
        worker.wait()
        self._workers[victim] = self._worker()

    def left(self) -> int:
        """How many workflows have not ended."""
        row = self._connection.execute(
            "select count(*) from pgworker.workflows where name = 'storm' and ended_at is null"
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _worker(self) -> WorkerProcess:
        return self._worker_process(
            wait=False, lease_seconds=LEASE, poll_seconds=0.5, concurrency=8, batch=4, max_attempts=ATTEMPTS
        )


@pytest.mark.parametrize(
    ("workflows", "kills"),
    [
        pytest.param(40, 12, id="40 workflows"),
        pytest.param(2000, 10_000, id="2000 workflows", marks=pytest.mark.soak),
    ],
)
def test_no_kill_loses_or_repeats_anything(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub, workflows: int, kills: int
) -> None:
    kills = int(os.environ.get("PGWORKER_TEST_KILLS") or kills)
    seed = int(os.environ.get("PGWORKER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"PGWORKER_TEST_SEED={seed}\n")
    chance = random.Random(seed)
    define_twenty_tasks(connection, stub.url)
    storm = _Storm(connection, worker_process, chance)
    storm.begin_round(workflows)
    began = time.monotonic()
    for _ in range(kills):
        storm.kill_one()
        if workflows > NEXT_ROUND > storm.left():
            storm.begin_round(workflows)
    calm = time.monotonic()
    until(lambda: storm.left() == 0, seconds=SETTLE + storm.left() / CALM_SPEED, what="the end of all")
    many = len(storm.started)
    sys.stdout.write(
        f"{many} workflows, {kills} kills in {calm - began:.0f} s, then {time.monotonic() - calm:.1f} s\n"
    )
    connection.execute("set search_path to pgworker")
    ends = connection.execute(
        "select name, status, error ->> 'detail', output, count(*) from workflows group by 1, 2, 3, 4"
    ).fetchall()
    assert sorted(ends) == [
        ("child", "COMPLETED", None, {"ok": True}, many),
        ("storm", "COMPLETED", None, {"done": True}, many),
    ]
    assert violations(connection, stub.effects(), kills=kills) == []
