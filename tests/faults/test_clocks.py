"""Workers whose clocks are wrong: every time that counts is the database's."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.clock import DAY
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import Task, are_ended, call, define, document, history, start, workflow

WRONG = ["mad", str(DAY), str(-DAY)]

_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)")


def _tasks(url: str, lease: float) -> list[Task]:
    """Everything that has to do with time."""
    retry = {"delay": {"milliseconds": 50}, "limit": {"attempt": {"count": 2}}}
    caught = {"retry": retry, "do": [{"given": {"set": {"up": True}}}]}
    late = {"wait": {"seconds": 30}, "timeout": {"after": {"milliseconds": 100}}}
    return [
        {"nap": {"wait": {"milliseconds": 100}}},
        {"slow": call(f"{url}/slow?ms={round(1300 * lease)}")},
        {"again": {"try": [{"ask": call(f"{url}/status/503")}], "catch": caught}},
        {"late": {"try": [{"sleep": late}], "catch": {"do": [{"gone": {"set": {"late": True}}}]}}},
        {"stamp": {"set": {"now": "${ now }", "at": "${ $workflow.startedAt.epoch.seconds }"}}},
    ]


@pytest.mark.parametrize(
    ("workflows", "lease"),
    [(4, 0.8), pytest.param(100, 5, marks=pytest.mark.soak)],
    ids=["4 workflows", "100 workflows"],
)
def test_clocks_that_are_wrong_by_a_day_change_nothing(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub, workflows: int, lease: float
) -> None:
    define(connection, _tasks(stub.url, lease))
    seen: list[Counter[str]] = []
    for clocks in (["0"], WRONG):
        settings = {"poll_seconds": 0.2, "lease_seconds": lease, "concurrency": 100, "batch": 1}
        workers = [worker_process(clock=clock, **settings) for clock in clocks]
        assert [_is_off(worker.log) for worker in workers] == [clock != "0" for clock in clocks]
        started = [start(connection) for _ in range(workflows * len(clocks))]
        until(lambda started=started: are_ended(connection, started), seconds=60)
        for one in started:
            row = workflow(connection, one)
            assert (row["status"], row["error"]) == ("COMPLETED", None)
            for time in row["output"].values():
                assert abs(time - row["ended_at"].timestamp()) < 60
        seen.append(Counter(_plain(connection, one) for one in started))
        for worker in workers:
            worker.end()
    assert len(seen[0]) == 1
    assert seen[1].keys() == seen[0].keys()
    actors = connection.execute("select distinct actor from pgworker.events where type like 'task.%'")
    assert len(actors.fetchall()) > 2
    leases = connection.execute(
        "select distinct data ->> 'attempt' from pgworker.events where data ? 'token'"
    )
    assert leases.fetchall() == [("1",)]  # none ran out
    assert violations(connection, stub.effects(), kills=0) == []  # no timer fired early


def _is_off(log: str) -> bool:
    """Whether the worker has begun at quite another time, by what it has logged just now."""
    at = datetime.fromisoformat(json.loads(log.splitlines()[0])["timestamp"])
    return abs(at - datetime.now(UTC)) > timedelta(hours=1)


def _plain(connection: psycopg.Connection, workflow_id: str) -> str:
    """A history without what is different each time: times, tokens, ids, and who did it."""
    events = [[event.seq, event.type, event.task, event.data] for event in history(connection, workflow_id)]
    text = json.dumps(events, sort_keys=True).replace(workflow_id, "ID")
    text = re.sub(r'"(token)": "[^"]*"', r'"\1": "T"', text)
    text = re.sub(r'"(now|at|count|effect)": [0-9.]+', r'"\1": 0', text)
    return _TIMES.sub("TIME", text)


def test_schedules_keep_the_databases_time(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    scheduled = document([{"a": {"set": {"n": 1}}}], name="often", schedule={"every": {"milliseconds": 500}})
    connection.execute("select pgworker.define_workflow(%s)", [Jsonb(scheduled)])
    for clock in WRONG:
        worker_process(poll_seconds=0.1, clock=clock)
    until(lambda: connection.execute("select 1 from pgworker.workflows offset 5 limit 1").fetchone())
    times = [at for (at,) in connection.execute("select created_at from pgworker.workflows order by 1")]
    sys.stdout.write(f"{len(times)} workflows in {times[-1] - times[0]}\n")
    for n, at in enumerate(times):
        assert at >= times[0] + timedelta(milliseconds=500 * n - 400)
    started = [id_ for (id_,) in connection.execute("select id from pgworker.workflows")]
    until(lambda: are_ended(connection, started))
