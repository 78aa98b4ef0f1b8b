"""Several engine processes under one supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def supervisor(database_url: str, connection: psycopg.Connection) -> Iterator[subprocess.Popen[bytes]]:
    """``pgworker worker`` with two processes, both known to the database."""
    environment = os.environ | {
        "PGWORKER_DATABASE_URL": database_url,
        "PGWORKER_PROCESSES": "2",
        "PGWORKER_POLL_SECONDS": "1",
        "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
        "PGWORKER_MEMORY_MEGABYTES": "400",
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


def test_a_second_signal_ends_it_at_once(
    connection: psycopg.Connection, supervisor: subprocess.Popen[bytes], stub: Stub
) -> None:
    define(connection, [{"long": call(f"{stub.url}/slow?ms=60000")}])
    start(connection)
    until(lambda: stub.effects("/slow"))
    children = psutil.Process(supervisor.pid).children()
    supervisor.terminate()
    time.sleep(0.3)  # there is no telling from outside that the first has been taken
    assert supervisor.poll() is None
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(timeout=5) == 0
    assert not any(child.is_running() for child in children)


def test_one_process_keeps_the_worker_s_id_and_both_together_are_small(
    connection: psycopg.Connection, database_url: str
) -> None:
    environment = os.environ | {"PGWORKER_DATABASE_URL": database_url, "PGWORKER_WORKER_ID": "only"}
    with subprocess.Popen([sys.executable, "-m", "pgworker", "worker"], env=environment) as process:
        until(lambda: _workers(connection) == 1, seconds=30, what="the worker")
        assert connection.execute("select id from pgworker.workers").fetchone() == ("only",)
        (engine,) = psutil.Process(process.pid).children()
        together = psutil.Process(process.pid).memory_info().rss + engine.memory_info().rss
        process.terminate()
        assert process.wait(30) == 0
    # Python itself takes more from 3.12 on
    assert together < (90 if sys.version_info < (3, 12) else 105) * 1024 * 1024


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        ('reduce range(40) as $i ("x"; . + .)', "too much memory"),
        ("reduce range(40) as $i ([1]; . + .)", "too much memory"),
        ("last(range(1e15))", "too long"),
    ],
)
def test_an_expression_that_takes_everything_fails_its_own_workflow_alone(
    connection: psycopg.Connection, supervisor: subprocess.Popen[bytes], program: str, detail: str
) -> None:
    define(connection, [{"bomb": {"set": {"x": f"${{ {program} }}"}}}], "bomb")
    define(connection)
    children = {child.pid for child in psutil.Process(supervisor.pid).children()}
    bomb, others = start(connection, "bomb"), [start(connection) for _ in range(20)]
    failed = ended(connection, bomb)
    assert failed["status"] == "FAILED"
    assert failed["error"]["type"].endswith("/expression")
    assert detail in failed["error"]["detail"]
    assert {ended(connection, other)["status"] for other in others} == {"COMPLETED"}
    assert {child.pid for child in psutil.Process(supervisor.pid).children()} == children


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions about workflows named ``deadly`` kill their process: no document is known that does it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal\n"
        "from pgworker.engine import decide as module\n"
        "honest = module.decide\n"
        "def decide(workflow_id, plan, *more, **named):\n"
        "    if plan.name == 'deadly':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return honest(workflow_id, plan, *more, **named)\n"
        "module.decide = decide\n"
    )
    path = [str(tmp_path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))


@pytest.mark.usefixtures("deadly")
def test_a_workflow_that_kills_its_process_fails_after_three_strikes_and_mostly_aside(
    connection: psycopg.Connection, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor: subprocess.Popen[bytes] = request.getfixturevalue("supervisor")
    define(connection, name="deadly")
    define(connection)
    failed = ended(connection, start(connection, "deadly"), seconds=30)
    assert failed["status"] == "FAILED"
    assert "3 times in a row" in failed["error"]["detail"]
    assert ended(connection, start(connection))["status"] == "COMPLETED"
    assert violations(connection) == []
    log = capfd.readouterr().err
    # the second may die before the first one's death has become a strike
    assert log.count("an engine process died") <= 2
    assert "the process that was deciding died" in log
    assert supervisor.poll() is None


def test_its_processes_stop_when_it_is_killed(supervisor: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(supervisor.pid).children()
    supervisor.kill()
    supervisor.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_it_logs_what_the_level_says(connection: psycopg.Connection, database_url: str) -> None:
    environment = os.environ | {"PGWORKER_DATABASE_URL": database_url, "LOG_LEVEL": "error"}
    command = [sys.executable, "-m", "pgworker", "worker"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: _workers(connection) == 1, seconds=30, what="the worker")
        (child,) = psutil.Process(process.pid).children()
        child.kill()
        until(lambda: psutil.Process(process.pid).children() not in ([], [child]), what="another")
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert [json.loads(line)["event"] for line in said.splitlines()] == [
        "an engine process died and is started again"
    ]
