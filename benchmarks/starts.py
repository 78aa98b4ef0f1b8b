"""Starts by many clients at once, while a worker drains: what it costs that workers are woken."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.documents import small_input
from benchmarks.load import Load
from benchmarks.processes import process
from benchmarks.report import Row, median_row

CLIENTS = 16
_PROCESSES = 2

_SILENT = """
create or replace function pgworker.wake_workers(p_except text default null) returns void language sql as ''
"""
"""Nobody is woken: the limit that starts are held against."""


def start_rows(url: str, load: Load, seconds: float, repeat: int) -> list[Row]:
    """Starts a second of 16 clients beside a worker, as they are and with nobody woken, by turns."""
    woken: list[float] = []
    silent: list[float] = []
    (source,) = load.connection.execute(
        "select pg_get_functiondef('pgworker.wake_workers'::regproc)"
    ).fetchone() or ("",)
    for _ in range(repeat):
        woken.append(_starts(url, load, seconds))
        load.connection.execute(_SILENT)
        try:
            silent.append(_starts(url, load, seconds))
        finally:
            load.connection.execute(source)
    share = [one / other for one, other in zip(woken, silent, strict=True)]
    return [
        median_row(f"starts by {CLIENTS} clients beside a worker", "starts/s", woken),
        median_row(f"starts by {CLIENTS} clients, nobody woken", "starts/s", silent),
        median_row(f"starts by {CLIENTS} clients, woken / not", "times", share),
    ]


def _starts(url: str, load: Load, seconds: float) -> float:
    with _clients(url, seconds) as counts:
        total = sum(counts)
    load.finish()
    return total / seconds


@contextmanager
def _clients(url: str, seconds: float) -> Iterator[Sequence[int]]:
    """So many clients in some processes, which begin together; how many workflows each process started."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(process("benchmarks.starts", [url, str(CLIENTS // _PROCESSES), str(seconds)]))
            for _ in range(_PROCESSES)
        ]
        for one in running:
            assert one.stdout is not None
            one.stdout.readline()  # it is up
        for one in running:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        yield [int(one.stdout.readline()) for one in running if one.stdout is not None]


def _run(url: str, clients: int, seconds: float) -> int:
    """Each client has a connection and a thread of its own, and starts one workflow after the other."""
    counts = [0] * clients

    def client(number: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.prepare_threshold = 0
            given = Jsonb(small_input())
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                connection.execute("select pgworker.start_workflow('one', %s)", [given])
                counts[number] += 1

    print("up", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=client, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


if __name__ == "__main__":
    print(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])), flush=True)
