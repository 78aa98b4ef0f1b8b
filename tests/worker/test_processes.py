"""Processes of workflows: they end when their worker, their lease or their workflow does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.sessions import marked
from tests.support.waiting import until
from tests.support.workflows import define, ended, history, jobs, results, start, workflow

LEAVES = "sleep 600 & setsid sleep 600 & "
"""What is started here would outlive a command that is killed alone."""


class Shell:
    """A task that runs a shell command, and where its processes are seen."""

    def __init__(self, folder: Path) -> None:
        self.mark = f"mark-{uuid4()}"
        self._begun = folder / "begun"

    def task(self, command: str, **more: object) -> dict[str, object]:
        """The task; each attempt leaves a line before it runs the command."""
        full = f"echo $$ >> {self._begun}; {command}"
        return {"run": {"shell": {"command": full, "environment": {"MARK": self.mark}}, **more}}

    @property
    def is_first(self) -> str:
        """The command that tells whether this is the first attempt."""
        return f"[ $(wc -l < {self._begun}) = 1 ]"

    @property
    def begun(self) -> list[int]:
        """The ids of the shells that have begun."""
        return [int(line) for line in self._begun.read_text().split()] if self._begun.exists() else []

    @property
    def running(self) -> list[int]:
        """The ids of all processes."""
        return marked(self.mark)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_what_a_command_says_is_the_output_of_its_task(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    run = {"shell": {"command": "cat; echo $1", "stdin": "${ .who }", "arguments": ["${ .what }"]}}
    define(connection, [{"say": {"run": run}}])
    worker_process(run_allow="shell")
    row = ended(connection, start(connection, input={"who": "Ada ", "what": "waves"}))
    assert (row["status"], row["output"]) == ("COMPLETED", "Ada waves")


def test_without_the_operators_leave_nothing_is_run(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    define(connection, [{"say": shell.task("true")}])
    worker_process(run_allow="script,container")
    error = ended(connection, start(connection))["error"]
    assert (error["status"], error["instance"]) == (403, "/do/0/say")
    assert error["type"].endswith("/authorization")
    assert "PGWORKER_RUN_ALLOW" in error["detail"]
    assert shell.begun == []


def test_a_killed_worker_takes_its_processes_along_and_another_runs_them_again(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    # the first would not end by itself
    define(
        connection, [{"say": shell.task(LEAVES + f"trap '' TERM; {shell.is_first} && sleep 600; echo done")}]
    )
    doomed = worker_process(run_allow="shell", lease_seconds=1)
    started = start(connection)
    until(lambda: len(shell.running) >= 3)
    [job] = jobs(connection, started)
    doomed.kill()
    doomed.wait()
    until(lambda: shell.running == [], seconds=5, what="the end of the dead worker's processes")
    heir = worker_process(run_allow="shell", lease_seconds=1, poll_seconds=0.1)
    row = ended(connection, started)
    assert (row["status"], row["output"]) == ("COMPLETED", "done")
    [result] = results(connection, started)
    assert (result.data["attempt"], result.actor) == (2, heir.id)
    assert result.data["token"] != str(job.lease_token)
    assert len(shell.begun) == 2
    assert shell.running == []
    assert violations(connection) == []


def test_a_killed_worker_takes_the_servers_along_that_it_talks_to(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    """MCP over the standard streams of a process."""
    server = {"command": "sh", "arguments": ["-c", f"{LEAVES}sleep 600"], "environment": {"MARK": shell.mark}}
    ask = {"call": "mcp", "with": {"method": "tools/list", "transport": {"stdio": server}}}
    define(connection, [{"ask": ask}])
    doomed = worker_process(run_allow="shell")
    start(connection)
    until(lambda: len(shell.running) >= 3, what="the server and what it starts")
    doomed.kill()
    until(lambda: shell.running == [], seconds=10, what="the end of all of them")


def test_a_killed_supervisor_takes_the_processes_of_its_engine_along(
    connection: psycopg.Connection, database_url: str, shell: Shell
) -> None:
    define(connection, [{"say": shell.task(LEAVES + "trap '' TERM; wait; sleep 600")}])
    environment = os.environ | {"PGWORKER_DATABASE_URL": database_url, "PGWORKER_RUN_ALLOW": "shell"}
    start(connection)
    with subprocess.Popen([sys.executable, "-m", "pgworker", "worker"], env=environment) as supervisor:
        try:
            until(lambda: len(shell.running) >= 3)
        finally:
            supervisor.kill()
    until(lambda: shell.running == [], seconds=5, what="the end of the processes")


def test_a_stopping_worker_ends_its_processes_and_gives_them_back(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    define(connection, [{"say": shell.task(LEAVES + "trap 'exit 3' TERM; while :; do sleep 0.02; done")}])
    worker = worker_process(run_allow="shell", grace_seconds=0.2)
    started = start(connection)
    until(lambda: len(shell.running) >= 3)
    worker.terminate()
    assert worker.wait(10) == 0
    assert shell.running == []
    [job] = jobs(connection, started)
    assert (job.attempt, job.lease_token) == (0, None)
    assert results(connection, started) == []


def test_a_timeout_ends_the_process_long_before_its_worker_beats(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    task = shell.task(LEAVES + "wait") | {"timeout": {"after": {"milliseconds": 400}}}
    define(connection, [{"say": task}])
    worker_process(run_allow="shell", lease_seconds=60, poll_seconds=0.1)
    row = ended(connection, start(connection))
    assert row["error"]["status"] == 408
    until(lambda: shell.running == [], seconds=5, what="the end of the processes")
    assert len(shell.begun) == 1


def test_cancelling_a_workflow_ends_its_process(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    define(connection, [{"say": shell.task(LEAVES + "wait")}])
    worker_process(run_allow="shell", lease_seconds=0.9)
    started = start(connection)
    until(lambda: len(shell.running) >= 3)
    connection.execute("select pgworker.cancel_workflow(%s, 'enough')", [started])
    until(lambda: shell.running == [], seconds=5, what="the end of the processes")
    assert workflow(connection, started)["status"] == "CANCELLED"


def test_a_process_that_somebody_kills_fails_its_task_alone(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    define(connection, [{"say": shell.task("sleep 600 & wait")}])
    worker_process(run_allow="shell")
    started = start(connection)
    [pid] = until(lambda: shell.begun)
    os.kill(pid, signal.SIGKILL)
    row = ended(connection, started)
    assert row["error"]["detail"] == "the shell command ended with code 137"
    until(lambda: shell.running == [], seconds=5, what="the end of the rest")


def test_what_is_not_waited_for_hands_on_its_input_and_ends_with_the_worker(
    connection: psycopg.Connection, worker_process: WorkerFactory, shell: Shell
) -> None:
    define(connection, [{"say": shell.task(LEAVES + "wait", **{"await": False})}])
    worker = worker_process(run_allow="shell")
    started = start(connection, input={"a": 1})
    row = ended(connection, started)
    assert (row["status"], row["output"]) == ("COMPLETED", {"a": 1})
    until(lambda: len(shell.running) >= 3)
    worker.terminate()
    assert worker.wait(10) == 0
    assert shell.running == []
    [result] = results(connection, started)
    assert result.data["attempt"] == 1


def test_no_secret_is_written_into_history(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    (tmp_path / "pin").write_text("a-secret-number")
    command = {"command": "echo $PIN; echo $1; cat >&2; exit 3", "environment": {"PIN": "${ $secrets.pin }"},
               "stdin": "${ $secrets.pin }", "arguments": ["${ $secrets.pin }"]}  # fmt: skip
    say = [{"a": {"run": {"shell": command, "return": "all"}}}, {"b": {"run": {"shell": command}}}]
    define(connection, say, use={"secrets": ["pin"]})
    worker_process(run_allow="shell", secrets_dir=tmp_path)
    started = start(connection)
    row = ended(connection, started)
    assert row["error"]["detail"] == "the shell command ended with code 3: ***"
    first = results(connection, started)[0]
    assert first.data["output"] == {"code": 3, "stdout": "***\n***", "stderr": "***"}
    assert "a-secret-number" not in str(history(connection, started))
