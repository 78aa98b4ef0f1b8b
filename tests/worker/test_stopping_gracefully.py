"""``pgworker worker`` under whoever starts and stops it: systemd, a container, a person."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import call, define, ended, results, start

Begin = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def begin(database_url: str, connection: psycopg.Connection) -> Iterator[Begin]:
    """Starts ``pgworker worker``, and returns once it is known; keywords are settings."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(**settings: object) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "PGWORKER_DATABASE_URL": database_url,
            "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
            "PGWORKER_POLL_SECONDS": "0.2",
            **{f"PGWORKER_{name.upper()}": str(value) for name, value in settings.items()},
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "pgworker", "worker"], env=environment, start_new_session=True
            )
        )
        until(lambda: connection.execute("select from pgworker.workers").rowcount, what="the worker")
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_what_ends_within_the_grace_is_recorded_by_who_began_it(
    connection: psycopg.Connection, begin: Begin, stub: Stub
) -> None:
    worker = begin(worker_id="only", grace_seconds=10)
    define(connection, [{"slow": call(f"{stub.url}/slow?ms=1200")}, {"next": {"set": {"a": 1}}}])
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    worker.terminate()
    assert worker.wait(20) == 0
    [result] = results(connection, started)[:1]
    assert (result.actor, result.type, result.data["attempt"]) == ("only", "task.completed", 1)
    assert connection.execute("select from pgworker.workers").rowcount == 0
    assert violations(connection, stub.effects()) == []


def test_what_does_not_end_within_the_grace_is_left_to_others_at_once(
    connection: psycopg.Connection, begin: Begin, worker_process: WorkerFactory, stub: Stub
) -> None:
    worker = begin(grace_seconds=0.5, lease_seconds=60)
    define(connection, [{"slow": call(f"{stub.url}/slow?ms=2000")}])
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    other = worker_process(poll_seconds=60, lease_seconds=60)
    worker.terminate()
    began = time.monotonic()
    assert worker.wait(20) == 0
    row = ended(connection, started)
    assert time.monotonic() - began < 15  # no lease had to run out, nor a poll to come
    assert row["status"] == "COMPLETED"
    [result] = results(connection, started)
    assert (result.actor, result.data["attempt"]) == (other.id, 1)


def test_a_signal_to_the_whole_group_is_as_good_as_one_to_the_supervisor(
    connection: psycopg.Connection, begin: Begin, stub: Stub
) -> None:
    """Ctrl-C goes to everybody in the terminal's foreground; engine processes then hear of it twice."""
    worker = begin(grace_seconds=10)
    define(connection, [{"slow": call(f"{stub.url}/slow?ms=1200")}])
    started = start(connection)
    until(lambda: stub.effects("/slow"))
    os.killpg(worker.pid, signal.SIGINT)
    assert worker.wait(20) == 0
    assert results(connection, started)[0].type == "task.completed"


def test_a_second_signal_ends_a_process_that_hears_nothing(
    connection: psycopg.Connection, begin: Begin
) -> None:
    worker = begin()
    (engine,) = psutil.Process(worker.pid).children()
    engine.suspend()
    worker.terminate()
    time.sleep(0.3)  # there is no telling from outside that the first has been taken
    assert worker.poll() is None
    worker.terminate()
    assert worker.wait(5) == 0
    assert not engine.is_running()


def test_a_process_that_does_not_stop_is_killed_which_the_log_and_the_exit_code_tell(
    connection: psycopg.Connection, database_url: str
) -> None:
    code = (
        "from pgworker.worker import supervisor\n"
        "supervisor.STOPPING_SECONDS = 0.3\n"
        "raise SystemExit(supervisor.Supervisor(1, 0.2).run())"
    )
    environment = os.environ | {"PGWORKER_DATABASE_URL": database_url, "PGWORKER_LOG_FORMAT": "json"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        until(lambda: connection.execute("select from pgworker.workers").rowcount, what="the worker")
        (engine,) = psutil.Process(worker.pid).children()
        engine.suspend()
        worker.terminate()
        _, said = worker.communicate(timeout=10)
    assert worker.returncode == 1
    assert f'"pid": {engine.pid}, "event": "an engine process does not stop and is killed"' in said
    assert not engine.is_running()
