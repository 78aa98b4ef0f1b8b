"""Poison: workflows that want more than anybody may have fail alone, with a clear error."""

from __future__ import annotations

import gzip
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import HELLO, are_ended, call, define, start, workflow

GIGABYTE = 1024 * 1024 * 1024

KINDS = {
    "endless": ("${ last(range(1e15)) }", "too long"),
    "backtracking": ('${ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("^(a+)+$") }', "too long"),
    "glutton": ('${ reduce range(40) as $i ("x"; . + .) }', "too much memory"),
    "large": ('${ reduce range(24) as $i ("x"; . + .) }', "bytes"),
    "deep": ("${ def f: f + 1; f }", "recurses too deeply"),
}
"""What an expression can do, and what the error has to say of it."""


@pytest.fixture(scope="module")
def bomb() -> Iterator[str]:
    """The address of a response of a megabyte that becomes a gigabyte."""
    body = gzip.compress(bytes(GIGABYTE), 9)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def _define_all(connection: psycopg.Connection, bomb: str) -> None:
    define(connection, HELLO, name="good")
    for name, (expression, _) in KINDS.items():
        define(connection, [{"poison": {"set": {"x": expression}}}], name=name)
    define(connection, [{"poison": call(bomb)}], name="bomb")


@pytest.mark.parametrize(
    ("seconds", "poisons"),
    [pytest.param(4, 1, id="some"), pytest.param(30, 10, id="many", marks=pytest.mark.soak)],
)
def test_poison_fails_alone_with_a_clear_error_and_the_others_keep_their_latency(
    connection: psycopg.Connection, worker_process: WorkerFactory, bomb: str, seconds: int, poisons: int
) -> None:
    _define_all(connection, bomb)
    worker = worker_process(memory_megabytes=500)
    alone = _latencies(connection, seconds, [])
    wanted = [name for name in (*KINDS, "bomb") for _ in range(poisons)]
    started: dict[str, str] = {}
    beside = _latencies(connection, seconds, wanted, started)
    until(lambda: are_ended(connection, list(started)), seconds=60 + 2 * len(started), what="all poison")
    sys.stdout.write(
        f"p50, p99 and longest, in seconds: alone {_figures(alone)}, beside {_figures(beside)}\n"
    )
    for workflow_id, name in started.items():
        row = workflow(connection, workflow_id)
        assert row["status"] == "FAILED", name
        assert row["error"]["instance"] == "/do/0/poison"
        if name in KINDS:
            assert KINDS[name][1] in row["error"]["detail"], name
    assert len(started) == len(wanted)
    assert worker.poll() is None
    # what can be told on a machine that has other work as well; the figures are for those who read them
    assert _figures(beside)[1] < max(2 * _figures(alone)[1], 0.15)
    assert violations(connection) == []


def _latencies(
    connection: psycopg.Connection, seconds: int, wanted: list[str], started: dict[str, str] | None = None
) -> list[float]:
    """Starts a good workflow every 20 ms, and the poison among them; returns how long the good ones took."""
    rounds = 50 * seconds
    places = {round((n + 0.5) * rounds / len(wanted)): name for n, name in enumerate(wanted)}
    good = []
    due = time.monotonic()
    for n in range(rounds):
        if started is not None and n in places:
            started[start(connection, places[n])] = places[n]
        good.append(start(connection, "good"))
        due += 0.02
        time.sleep(max(0.0, due - time.monotonic()))
    until(lambda: are_ended(connection, good), seconds=30, what="the good ones")
    rows = connection.execute(
        "select extract(epoch from ended_at - created_at)::float8 from pgworker.workflows"
        " where id = any (%s::uuid[]) and status = 'COMPLETED'",
        [good],
    ).fetchall()
    assert len(rows) == len(good)
    return sorted(took for (took,) in rows)


def _figures(latencies: list[float]) -> tuple[float, float, float]:
    at = [len(latencies) // 2, (99 * len(latencies)) // 100, -1]
    p50, p99, longest = (round(latencies[n], 4) for n in at)
    return p50, p99, longest
