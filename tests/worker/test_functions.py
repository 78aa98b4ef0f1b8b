"""Python functions, called by documents and performed by workers that have them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from pgworker.worker import wheel
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import Task, define, ended, has_ended, results, start, workflow

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = "tests.support.functions"
CANARY = "canary-0123456789"


def calling(name: str, **arguments: object) -> Task:
    return {"call": name, "with": arguments} if arguments else {"call": name}


@pytest.fixture
def run(connection: psycopg.Connection, worker_process: WorkerFactory):
    """The workflow of one task, ended by a worker that has the functions."""

    def run(task: Task, input: object = None, **more: object) -> dict[str, object]:
        # a call whose time is over is cancelled at a heartbeat
        worker_process(functions=FUNCTIONS, poll_seconds=0.2, lease_seconds=1.5)
        define(connection, [{"f": task}], **more)
        return ended(connection, start(connection, input=input))

    return run


def test_a_function_is_called_with_its_arguments_and_its_result_is_the_output(run) -> None:
    row = run(calling("score", customer="${ .who }", amount=12), {"who": "Ada"})
    assert (row["status"], row["output"]) == ("COMPLETED", {"customer": "Ada", "score": 5}), row["error"]


def test_a_function_knows_its_call(run) -> None:
    row = run(calling("identify"))
    output = row["output"]
    assert output.pop("pid") != os.getpid()
    assert output == {
        "function": "identify",
        "workflow": str(row["id"]),
        "key": f"{row['id']}:2",
        "attempt": 1,
    }


WRONG: list[tuple[Task, str, str]] = [
    (calling("score", custmer="Ada"), "validation", 'no argument custmer: did you mean "customer"?'),
    (calling("score"), "validation", "the argument customer is missing"),
    (calling("score", customer="Ada", amount="12"), "validation", "argument amount: Input should be"),
    (calling("raise", how="value"), "runtime", "raise raised ValueError: no such customer"),
    (calling("raise", how="exit"), "runtime", "raise raised SystemExit: 3"),
    (calling("give", what="set"), "runtime", "a set is not a JSON value (at /found/0)"),
    (calling("give", what="nan"), "runtime", "nan is not a JSON number (at /found)"),
    (calling("give", what="bytes"), "runtime", "a bytes is not a JSON value"),
]


def test_what_goes_wrong_fails_the_task(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(functions=FUNCTIONS, poll_seconds=0.2)
    started = []
    for number, (task, _, _) in enumerate(WRONG):
        started.append(start(connection, define(connection, [{"f": task}], f"wrong-{number}")))
    for workflow_id, (_, type_, detail) in zip(started, WRONG, strict=True):
        row = ended(connection, workflow_id)
        assert row["status"] == "FAILED"
        assert row["error"]["type"].endswith(f"/{type_}")
        assert detail in row["error"]["detail"]
        assert "Traceback" not in row["error"]["detail"]
        assert row["error"]["instance"] == "/do/0/f"


def test_a_function_raises_a_problem_of_its_own_and_the_document_catches_it(run) -> None:
    caught = {
        "errors": {"with": {"status": 418}},
        "as": "e",
        "do": [{"t": {"set": {"got": "${ $e.title }"}}}],
    }
    row = run({"try": [{"x": calling("raise", how="problem")}], "catch": caught})
    assert (row["status"], row["output"]) == ("COMPLETED", {"got": "Teapot"}), row["error"]


def test_the_traceback_is_in_the_log_and_a_secret_is_nowhere(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(CANARY)
    worker = worker_process(functions=FUNCTIONS, secrets_dir=tmp_path, log_format="json")
    define(
        connection,
        [
            {"short": calling("repeat", text="<${ $secrets.token }>")},
            {"long": calling("repeat", text="${ $secrets.token + $secrets.token }")},
        ],
        use={"secrets": ["token"]},
    )
    row = ended(connection, start(connection))
    assert [one.data.get("output") for one in results(connection, str(row["id"]))] == ["<***>", None]
    assert row["error"]["detail"] == "repeat raised ValueError: too long: ******"
    assert "Traceback" in worker.log
    assert CANARY not in worker.log
    stored = connection.execute("select string_agg(data::text, '') from pgworker.events").fetchone()
    assert CANARY not in stored[0]


def test_a_function_is_called_again_when_its_worker_is_killed(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    settings = {"functions": FUNCTIONS, "lease_seconds": 1, "poll_seconds": 0.2}
    first = worker_process(**settings)
    define(connection, [{"f": calling("first-hangs", begun=str(begun))}])
    started = start(connection)
    until(begun.exists)
    first.kill()
    second = worker_process(**settings)
    row = ended(connection, started)
    assert (row["status"], row["output"]) == ("COMPLETED", 2), row["error"]
    assert begun.read_text().splitlines() == [f"{pid} {started}:2" for pid in (first.pid, second.pid)]
    assert violations(connection) == []


def test_a_timeout_cancels_a_coroutine(run, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    row = run({**calling("linger", begun=str(begun)), "timeout": {"after": {"milliseconds": 700}}})
    assert (row["status"], row["error"]["status"]) == ("FAILED", 408)
    until(lambda: begun.read_text().split() == ["begun", "cancelled"])


def test_functions_that_block_keep_neither_others_nor_the_worker_s_end_from_coming(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    worker = worker_process(functions=FUNCTIONS, concurrency=3, grace_seconds=0.2, lease_seconds=1)
    stuck = {**calling("block", until=str(tmp_path / "go")), "timeout": {"after": {"milliseconds": 300}}}
    define(connection, [{"f": stuck}], "stuck")
    define(connection, [{"f": calling("score", customer="Ada")}])
    late = [start(connection, "stuck") for _ in range(6)]
    assert {ended(connection, one)["error"]["status"] for one in late} == {408}
    assert ended(connection, start(connection))["status"] == "COMPLETED"
    until(lambda: "goes on although nobody waits" in worker.log)
    worker.terminate()  # although threads of it are stuck
    assert worker.wait(10) == 0


def test_a_thread_that_comes_to_its_end_late_changes_nothing(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    worker_process(functions=FUNCTIONS, poll_seconds=0.2)
    stuck = {**calling("block", until=str(go)), "timeout": {"after": {"milliseconds": 300}}}
    define(connection, [{"f": stuck}])
    started = start(connection)
    assert ended(connection, started)["status"] == "FAILED"
    last = workflow(connection, started)["last_seq"]
    go.touch()
    define(connection, [{"f": calling("block", until=str(go))}], "next")
    assert ended(connection, start(connection, "next"))["output"] == "done"
    assert workflow(connection, started)["last_seq"] == last


def test_an_unknown_function_is_refused_until_somebody_declares_it(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=0.2)
    define(connection, [{"f": calling("scroe", customer="Ada")}], "wrong")
    row = ended(connection, start(connection, "wrong"))
    assert row["error"]["type"].endswith("/configuration")
    assert "`scroe` is no protocol and no function" in row["error"]["detail"]


async def test_what_was_refused_is_looked_at_again_once_its_function_is_declared(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel, "_REMEMBER_SECONDS", 0.1)
    define(connection, [{"f": calling("score", customer="Ada")}])

    async def failed() -> str:
        row = await has_ended(connection, start(connection))
        return str(row["error"]["detail"])

    async with in_process_worker(function_wait_seconds=0):
        assert "no protocol and no function" in await failed()
        connection.execute("select pgworker.declare_functions(array['score'])")
        await asyncio.sleep(0.2)
        assert "this worker has no function score" in await failed()
    assert connection.execute("select problems from pgworker.definitions").fetchone() == (None,)


def test_a_call_is_left_to_a_worker_that_has_the_function(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=0.2, concurrency=2)
    connection.execute("select pgworker.declare_functions(array['identify'])")
    define(connection, [{"f": calling("identify")}])
    started = [start(connection) for _ in range(3)]
    time.sleep(0.3)
    having = worker_process(poll_seconds=0.2, functions=FUNCTIONS)
    rows = [ended(connection, one) for one in started]
    assert [(row["status"], row["output"]["pid"], row["output"]["attempt"]) for row in rows] == [
        ("COMPLETED", having.pid, 1)
    ] * 3
    assert violations(connection) == []


def test_a_call_that_nobody_has_the_function_for_fails_in_the_end_and_names_what_there_is(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    connection.execute("select pgworker.declare_functions(array['elsewhere'])")
    worker_process(poll_seconds=0.2, functions=FUNCTIONS, function_wait_seconds=1)
    define(connection, [{"f": calling("elsewhere")}])
    row = ended(connection, start(connection))
    assert row["error"]["type"].endswith("/configuration")
    assert "no function elsewhere: it has `block`" in row["error"]["detail"]


def test_every_process_of_a_supervisor_has_the_functions(
    connection: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "import os, threading\n"
        "from pgworker import Worker\n"
        "app = Worker()\n"
        "@app.function('where')\n"
        "def where(folder: str) -> int:\n"
        "    open(os.path.join(folder, str(os.getpid())), 'w').close()\n"
        "    for _ in range(1000):\n"
        "        if len(os.listdir(folder)) == 2: break\n"
        "        threading.Event().wait(0.02)\n"
        "    return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    app.run()\n"
    )
    folder = tmp_path / "pids"
    folder.mkdir()
    environment = os.environ | {
        "PGWORKER_DATABASE_URL": database_url,
        "PGWORKER_CONCURRENCY": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "pgworker", "worker", "--processes", "2", "--functions", "mine:app"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path) as process:
        try:
            until(
                lambda: connection.execute("select from pgworker.workers").rowcount == 2, what="two workers"
            )
            define(connection, [{"f": calling("where", folder=str(folder))}])
            rows = [ended(connection, one) for one in [start(connection), start(connection)]]
            assert {row["status"] for row in rows} == {"COMPLETED"}
            children = {child.pid for child in psutil.Process(process.pid).children()}
            assert {row["output"] for row in rows} == children
        finally:
            process.terminate()
            assert process.wait(20) == 0


def test_a_coroutine_that_blocks_its_process_costs_attempts_and_fails_in_the_end(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    """The supervisor kills what is stuck; here the test does."""
    define(connection, [{"f": calling("block-loop")}])
    connection.execute("select pgworker.declare_functions(array['block-loop'])")
    started = start(connection)
    settings = {"functions": FUNCTIONS, "lease_seconds": 0.5, "poll_seconds": 0.1, "max_attempts": 2}
    for attempt in (1, 2):
        worker = worker_process(wait=False, **settings)
        until(
            lambda attempt=attempt: (
                connection.execute(
                    "select from pgworker.jobs where kind = 'perform' and attempt = %s", [attempt]
                ).fetchone()
                is not None
            )
        )
        worker.kill()
    worker_process(**settings)
    row = ended(connection, started)
    assert "2 attempts at this activity were lost with their workers" in row["error"]["detail"]


def test_a_program_runs_its_own_worker_until_it_is_told_to_stop(
    connection: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    code = "from tests.support.functions import worker; worker.run()"
    environment = os.environ | {"PGWORKER_DATABASE_URL": database_url, "PGWORKER_LOG_FORMAT": "json"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT) as process:
        define(connection, [{"f": calling("score", customer="Ada")}])
        assert ended(connection, start(connection))["status"] == "COMPLETED"
        define(connection, [{"f": calling("linger", begun=str(begun))}], "hour")
        start(connection, "hour")
        until(begun.exists)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # there is no telling from outside that the first has been taken
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 130
    assert begun.read_text().split() == ["begun"]
