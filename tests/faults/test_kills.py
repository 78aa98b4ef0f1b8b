"""Workers are killed and the server crashes all the time; nothing is lost and nothing happens twice.

The seed decides who is killed, and when the server goes down. It is printed, and PGWORKER_TEST_SEED sets it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import attempts, violations
from tests.support.processes import WorkerProcess
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import Task, are_ended, call, define, start

WORKERS = 3
KILL_EVERY = 0.3
LEASE = 2.0
SETTLE = LEASE + 10
"""So long after the last kill everything has to be done, as the scorecard asks."""


def _ten_tasks(url: str) -> list[Task]:
    def activity(name: str, path: str = "/count") -> Task:
        headers = {"X-Activity": f'${{ $workflow.id + "/{name}" }}'}
        return call(url + path, method="post", headers=headers)

    each = activity("each")
    each["with"]["headers"] = {"X-Activity": '${ $workflow.id + "/each/" + ($index | tostring) }'}
    body = [{"each": each}, {"mark": {"set": {"i": "${ $index }"}}}]
    cases = [{"left": {"when": '${ .way == "left" }', "then": "left"}}, {"else": {"then": "right"}}]
    return [
        {"begin": {"set": {"n": 3, "way": "${ .way }"}}},
        {"choose": {"switch": cases}},
        {"left": {"set": {"n": "${ .n }", "went": "left"}, "then": "loop"}},
        {"right": {**activity("right"), "output": {"as": '${ {n: 3, went: "right"} }'}}},
        {"loop": {"for": {"in": "${ [range(.n)] }", "at": "index"}, "do": body}},
        {"nap": {"wait": {"milliseconds": 50}}},
        {"slow": activity("slow", "/slow?ms=80")},
        {"inner": {"do": [{"ask": activity("ask")}, {"rest": {"wait": {"milliseconds": 50}}}]}},
        {"last": {**activity("last"), "output": {"as": "${ {count} }"}}},
        {"finish": {"set": {"done": True}}},
    ]


@dataclass
class _Storm:
    """Three workers, one of which is always about to be killed."""

    worker_process: WorkerFactory
    chance: random.Random
    workers: list[WorkerProcess] = field(default_factory=list)
    kills: int = 0

    def begin(self) -> None:
        self.workers = [self._worker() for _ in range(WORKERS)]

    def kill_one(self) -> None:
        """Kills a worker with whatever it is doing, and puts another in its place at once."""
        victim = self.chance.randrange(WORKERS)
        assert self.workers[victim].poll() is None, f"it ended by itself:\n{self.workers[victim].log}"
        self.workers[victim].kill()
        self.workers[victim].wait()
        self.kills += 1
        self.workers[victim] = self._worker()

    def _worker(self) -> WorkerProcess:
        return self.worker_process(wait=False, lease_seconds=LEASE, poll_seconds=0.5, concurrency=20)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((60, 14), id="60 workflows"),
        pytest.param((500, 60), id="500 workflows", marks=pytest.mark.soak),
    ],
)
def test_killed_workers_and_a_crashing_server_lose_and_repeat_nothing(
    server: Server, database_url: str, worker_process: WorkerFactory, stub: Stub, size: tuple[int, int]
) -> None:
    workflows, least_kills = size
    seed = int(os.environ.get("PGWORKER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"PGWORKER_TEST_SEED={seed}\n")
    chance = random.Random(seed)
    crashes = {least_kills // 3, 2 * least_kills // 3}
    storm = _Storm(worker_process, chance)
    started: list[str] = []

    connection = psycopg.connect(database_url, autocommit=True)
    define(connection, _ten_tasks(stub.url))
    storm.begin()
    began = time.monotonic()
    while storm.kills < least_kills or not are_ended(connection, started):
        assert time.monotonic() - began < 600, "it does not come to an end"
        for _ in range(min(-(-workflows // least_kills), workflows - len(started))):
            started.append(start(connection, input={"way": chance.choice(["left", "right"])}))
        time.sleep(chance.uniform(0.5, 1.5) * KILL_EVERY)
        storm.kill_one()
        if storm.kills in crashes:
            crashes.remove(storm.kills)
            connection.close()
            server.restart_immediately()
            connection = psycopg.connect(database_url, autocommit=True)
        if storm.kills >= least_kills and workflows < 100:
            break  # the rest of the small storm is calm
    with connection:
        calm = time.monotonic()
        until(lambda: are_ended(connection, started), seconds=SETTLE, what="the end of all workflows")
        sys.stdout.write(
            f"{len(started)} workflows, {storm.kills} kills, 2 crashes of the server, {calm - began:.1f} s,"
            f" then {time.monotonic() - calm:.1f} s until all was done; {len(stub.effects())} effects,"
            f" attempts {dict(attempts(connection))}\n"
        )
        statuses = Counter(
            connection.execute("select status, error ->> 'detail' from pgworker.workflows").fetchall()
        )
        assert statuses == {("COMPLETED", None): workflows}
        assert connection.execute("select distinct output from pgworker.workflows").fetchall() == [
            ({"done": True},)
        ]
        assert violations(connection, stub.effects(), kills=storm.kills + 2) == []


def test_after_all_workers_were_killed_one_with_a_new_name_resumes_everything(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    define(connection, _ten_tasks(stub.url))
    storm = _Storm(worker_process, random.Random(0))
    storm.begin()
    started = [start(connection, input={"way": "right"}) for _ in range(30)]
    until(lambda: len(stub.effects()) > 30)
    for worker in storm.workers:
        worker.kill()
    killed = time.monotonic()
    worker_process(lease_seconds=LEASE, poll_seconds=0.5, concurrency=50)
    until(lambda: are_ended(connection, started), seconds=SETTLE)
    assert time.monotonic() - killed < LEASE + 6
    assert connection.execute("select distinct status from pgworker.workflows").fetchall() == [("COMPLETED",)]
    assert violations(connection, stub.effects(), kills=WORKERS) == []


def test_a_rolling_restart_repeats_no_effect(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    """SIGTERM with overlap, again and again: what is under way is finished, and nothing is done twice."""
    define(connection, _ten_tasks(stub.url))
    old = worker_process(lease_seconds=30, poll_seconds=0.5, concurrency=20)
    started: list[str] = []
    for _ in range(6):
        started += [start(connection, input={"way": "left"}) for _ in range(10)]
        new = worker_process(lease_seconds=30, poll_seconds=0.5, concurrency=20)
        old.terminate()
        assert old.wait(10) == 0
        old = new
    until(lambda: are_ended(connection, started), seconds=20)
    assert connection.execute("select distinct status from pgworker.workflows").fetchall() == [("COMPLETED",)]
    assert set(stub.keys().values()) == {1}
    assert set(attempts(connection)) == {1}
    assert violations(connection, stub.effects(), kills=0) == []
