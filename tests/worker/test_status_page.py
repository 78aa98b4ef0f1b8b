"""The status page: whether a worker lives and is ready, and what it has done."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import get_args

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from pgworker.worker.breaker import Breaker, BreakerState
from pgworker.worker.metrics import Metrics
from tests.conftest import WorkerFactory
from tests.support.proxy import Proxy
from tests.support.server import free_port
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, start

LABELS = ("workflow", "task", "type", "state", "le")


def free_neighbours() -> int:
    """A port that is free and has a free one behind it, where no client's connection gets its own."""
    for port in random.sample(range(20_000, 30_000), 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as taken:
            for one in (port, port + 1):
                taken.enter_context(socket.create_server(("127.0.0.1", one)))
            return port
    raise AssertionError("no two ports are free")


def ask(port: int, path: str) -> tuple[int, str]:
    """The status and text of an answer; 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return 0, ""


def samples(port: int) -> dict[tuple[str, ...], float]:
    """The values by name and labels."""
    families = text_string_to_metric_families(ask(port, "/metrics")[1])
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in families
        for sample in family.samples
    }


def breaker(port: int) -> tuple[dict[str, float], float]:
    """The breaker's states, and the failures in a row."""
    seen = samples(port)
    states = {state: seen["pgworker_database_breaker", state] for state in get_args(BreakerState)}
    assert 0 < seen["pgworker_database_breaker_since_seconds",] < time.time() + 1
    return states, seen["pgworker_database_failures",]


def test_what_workflows_and_their_tasks_come_to_is_counted(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    port = free_port()
    define(connection, [{"one": {"set": {"a": 1}}}, {"ask": call(f"{stub.url}/count")}], name="good")
    define(connection, [{"ask": call(f"{stub.url}/status/404")}], name="bad")
    worker_process(status_port=port, poll_seconds=0.2, concurrency=7)
    for name in ("good", "good", "bad"):
        ended(connection, start(connection, name))
    until(lambda: samples(port).get(("pgworker_workflow_faulted_total", "default/bad")) == 1)
    seen = samples(port)
    good = "default/good"
    assert seen["pgworker_workflow_started_total", good] == 2
    assert seen["pgworker_workflow_completed_total", good] == 2
    assert seen["pgworker_workflow_duration_seconds_count", good] == 2
    assert seen["pgworker_task_completed_total", good, "/do/0/one", "set"] == 2
    assert seen["pgworker_task_started_total", good, "/do/1/ask", "call"] == 2
    assert seen["pgworker_task_completed_total", good, "/do/1/ask", "call"] == 2
    assert seen["pgworker_task_faulted_total", "default/bad", "/do/0/ask", "call"] == 1
    written = connection.execute("select count(*) from pgworker.events where type <> 'workflow.started'")
    assert (seen["pgworker_events_appended_total",],) == written.fetchone()
    assert seen["pgworker_worker_slots", "free"] == 7


def test_a_workflow_that_is_failed_after_its_strikes_is_counted(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    port = free_port()
    define(connection, name="bad")
    started = start(connection, "bad")
    connection.execute("update pgworker.jobs set attempt = 3 where workflow_id = %s", [started])
    worker_process(status_port=port, poll_seconds=0.2)
    assert ended(connection, started)["status"] == "FAILED"
    until(lambda: samples(port).get(("pgworker_workflow_faulted_total", "default/bad")) == 1)
    assert samples(port)["pgworker_events_appended_total",] == 1


def test_a_worker_lives_without_its_database_and_is_ready_with_it(
    database_url: str, worker_process: WorkerFactory
) -> None:
    port = free_port()
    with contextlib.closing(Proxy(database_url)) as proxy:
        worker = worker_process(database_url=proxy.url, status_port=port, log_format="json")
        until(lambda: ask(port, "/readyz") == (200, "ready\n"))
        assert breaker(port) == ({"closed": 1, "open": 0, "half-open": 0}, 0)
        proxy.refuses = True
        proxy.cut()
        until(lambda: ask(port, "/readyz")[0] == 503, seconds=30)
        assert ask(port, "/livez") == (200, "alive\n")
        until(lambda: breaker(port)[1] >= 3, seconds=30)
        states, _ = breaker(port)
        assert (states["closed"], sum(states.values())) == (0, 1)
        told = ask(port, "/readyz")[1]
        assert re.fullmatch(r"not ready: .* is (open|half-open) since 20\S+, \d+ failures in a row\n", told)
        proxy.refuses = False
        until(lambda: ask(port, "/readyz")[0] == 200, seconds=30)
        assert breaker(port) == ({"closed": 1, "open": 0, "half-open": 0}, 0)
        changes = [
            json.loads(line) for line in worker.log.splitlines() if "the database's breaker is" in line
        ]
        assert [(one["level"], one["event"].rpartition(" ")[2]) for one in changes] == [
            ("info", "closed"),
            ("warning", "open"),
            ("info", "closed"),
        ]
        assert changes[2]["failures"] >= 3
        assert changes[2]["away_seconds"] > 0


def test_of_several_processes_each_takes_the_next_port(
    connection: psycopg.Connection, database_url: str
) -> None:
    port = free_neighbours()
    environment = os.environ | {
        "PGWORKER_DATABASE_URL": database_url,
        "PGWORKER_STATUS_PORT": str(port),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "pgworker", "worker", "--processes", "2"], env=environment
    ) as supervisor:
        try:
            until(lambda: {ask(port, "/livez")[0], ask(port + 1, "/livez")[0]} == {200}, seconds=30)
        finally:
            supervisor.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                supervisor.wait(20)
    assert supervisor.returncode == 0


def test_the_guide_lists_every_metric() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "observing.md").read_text()
    told = set(re.findall(r"`(pgworker_\w+)`", guide))
    families = Metrics(lambda: (0, 0), dict, Breaker()).registry.collect()
    counters = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    assert counters == told


def test_connections_that_ask_nothing_use_nobody_up(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    port = free_port()
    worker = worker_process(status_port=port)
    until(lambda: ask(port, "/livez")[0] == 200)
    with contextlib.ExitStack() as open_ones:
        for _ in range(300):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.sendall(b"GET /met")
        assert ask(port, "/livez")[0] == 200
        # those that came together are closed in the loop's next turn
        until(lambda: len(list(Path(f"/proc/{worker.pid}/fd").iterdir())) < 100)
