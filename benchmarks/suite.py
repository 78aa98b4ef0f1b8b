"""The whole benchmark: one server, one database, one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import bulk, calls, documents, processes, raw, scale, starts, waiting
from benchmarks.load import Load
from benchmarks.peers import comparison
from benchmarks.profiles import print_top
from benchmarks.report import Row, percentiles, table
from benchmarks.server import fresh_database, server
from pgworker.types import JsonObject

TURN = 11
"""How many events a turn makes of each workflow of ten tasks."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done in one repetition."""

    raw_seconds: float
    start_seconds: float
    pure: int
    large: int
    http: int
    latency: int
    timers: int
    timers_lead: float
    iterations: int
    branches: int
    crowd: int
    listeners: tuple[int, int]
    peers: float


FULL = Sizes(
    raw_seconds=1.5,
    start_seconds=4,
    pure=3000,
    large=400,
    http=300,
    latency=200,
    timers=10_000,
    timers_lead=14,
    iterations=10_000,
    branches=1_000,
    crowd=100_000,
    listeners=(1_000, 100_000),
    peers=1,
)
QUICK = Sizes(
    raw_seconds=0.3,
    start_seconds=0.5,
    pure=300,
    large=50,
    http=30,
    latency=20,
    timers=300,
    timers_lead=3,
    iterations=500,
    branches=50,
    crowd=1_000,
    listeners=(100, 1_000),
    peers=0.05,
)


@dataclass(frozen=True, slots=True)
class Suite:
    """What every measurement needs."""

    url: str
    load: Load
    sizes: Sizes
    repeat: int
    profiles: Path | None
    install: bool
    """Whether peers that are not installed yet may be."""

    def raw(self) -> list[Row]:
        """The server's own limit, small transactions and such as a turn's."""
        with raw.prepared(self.url) as connection:
            return [
                raw.raw_limit(connection, self.sizes.raw_seconds, self.repeat, events) for events in (1, TURN)
            ]

    def pure(self) -> list[Row]:
        """Ten pure tasks, in one process and in two."""
        given, count = documents.small_input(), self.sizes.pure
        rows = []
        with self._workers():
            self.load.warm_up("pure", given, 100)
            before = self._repeat(lambda: bulk.started_before(self.load, "pure", given, count))
            meanwhile = self._repeat(lambda: bulk.started_meanwhile(self.load, "pure", given, count))
        rows += bulk.task_rows("pure tasks", before, count, drained=True)
        rows += bulk.task_rows("pure tasks", before, count, drained=False)
        rows += bulk.task_rows("pure tasks, started meanwhile", meanwhile, count, drained=False)
        with self._workers(2):
            self.load.warm_up("pure", given, 100)
            two = self._repeat(lambda: bulk.started_before(self.load, "pure", given, count))
        return rows + bulk.task_rows("pure tasks, 2 processes", two, count, drained=True)

    def alone(self) -> list[Row]:
        """Each task a transaction of its own: many workflows that share commits, and one by itself."""
        given, count = documents.small_input(), self.sizes.pure
        rows = []
        with self._workers(turn="task"):
            self.load.warm_up("pure", given, 100)
            many = self._repeat(lambda: bulk.started_before(self.load, "pure", given, count))
            self.load.warm_up("line", given, 1)
            one = self._repeat(lambda: bulk.started_before(self.load, "line", given, 1))
        rows += bulk.task_rows("tasks that commit alone, 50 in flight", many, count, drained=True)[:1]
        rows += bulk.task_rows(
            "tasks that commit alone, 1 in flight", one, 1, drained=True, tasks=documents.LINE
        )[:1]
        return rows

    def large(self) -> list[Row]:
        """Ten pure tasks that each pass 10 KB on."""
        given, count = documents.large_input(), self.sizes.large
        with self._workers():
            self.load.warm_up("large", given, 50)
            runs = self._repeat(lambda: bulk.started_before(self.load, "large", given, count))
        return bulk.task_rows("pure tasks of 10 KB", runs, count, drained=True)

    def http(self) -> list[Row]:
        """Ten HTTP calls, one after the other, of many workflows at once."""
        with processes.stub() as url:
            limit = calls.call_limit(url, self.sizes.raw_seconds, self.repeat, at_once=50)
            return [limit, *(self._calls(url, slots) for slots in (50, 10))]

    def _calls(self, url: str, slots: int) -> Row:
        given: JsonObject = {"stub": url}
        count = self.sizes.http
        with self._workers(concurrency=slots):
            self.load.warm_up("http", given, 10)
            runs = self._repeat(lambda: bulk.started_before(self.load, "http", given, count))
        return bulk.call_row(f"HTTP calls, {slots} at once", runs, count)

    def starts(self) -> list[Row]:
        """Workflows of one task, started by many clients at once."""
        with self._workers():
            self.load.warm_up("one", documents.small_input(), 100)
            return starts.start_rows(self.url, self.load, self.sizes.start_seconds, self.repeat)

    def latency(self) -> list[Row]:
        """From start to end on an idle system, where the poll is too far away to matter."""
        rows = []
        given, count = documents.small_input(), self.sizes.latency
        with self._workers(poll_seconds=60):
            self.load.warm_up("pure", given, 20)
            for name, label in (("one", "1 task"), ("pure", f"{documents.TASKS} tasks")):
                waiting.idle_latency(self.load, name, given, 5)
                seconds = waiting.idle_latency(self.load, name, given, count)
                rows += percentiles(f"idle latency, {label}", seconds, f"{count} workflows")
            rows.append(waiting.silence(self.load))
        return rows

    def timers(self) -> list[Row]:
        """Very many timers for one second."""
        with self._workers():
            self.load.warm_up("pure", documents.small_input(), 100)
            return waiting.timers(self.load, self.sizes.timers, self.sizes.timers_lead)

    def scale(self) -> list[Row]:
        """Large workflows beside small ones, and crowds that wait beside those that do not."""
        sizes = self.sizes
        with self._workers():
            self.load.warm_up("pure", documents.small_input(), 100)
            rows = scale.long_rows(self.load, self.repeat, sizes.iterations, sizes.branches)
        rows += scale.timer_rows(self.url, self._workers_on, sizes.crowd, sizes.latency)
        return rows + scale.listener_rows(self.url, self._workers_on, sizes.listeners, sizes.latency)

    @contextmanager
    def _workers_on(self, url: str) -> Iterator[None]:
        with processes.workers(url, 1, self.profiles, poll_seconds=60):
            yield

    def peers(self) -> list[Row]:
        """This engine beside others, on databases of their own."""
        compared = comparison.Comparison(comparison.contestants(self.install), self.sizes.peers)
        compared.measure(self.url, self.repeat)
        return compared.rows()

    @contextmanager
    def _workers(self, count: int = 1, **settings: float | str) -> Iterator[None]:
        with processes.workers(self.url, count, self.profiles, **settings) as self.load.workers:
            yield

    def _repeat(self, run: Callable[[], bulk.Run]) -> list[bulk.Run]:
        return [run() for _ in range(self.repeat)]


PARTS = ("raw", "pure", "alone", "large", "http", "starts", "latency", "timers", "scale", "peers")


def main() -> None:
    """Measures what the command line asks for, and prints it."""
    arguments = _arguments()
    began = time.monotonic()
    folder = tempfile.TemporaryDirectory() if arguments.profile else nullcontext(None)
    with (
        folder as profiles,
        server(arguments.url) as server_url,
        fresh_database(server_url) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        load = Load(connection)
        for definition in documents.definitions():
            load.define(definition)
        suite = Suite(
            url,
            load,
            QUICK if arguments.quick else FULL,
            1 if arguments.quick else arguments.repeat,
            None if profiles is None else Path(profiles),
            _peers_are_asked_for(arguments),
        )
        rows = []
        for part in _parts(arguments):
            rows += getattr(suite, part)()
        about = {
            "postgresql": str(connection.info.server_version),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "repetitions": suite.repeat,
            "seconds": round(time.monotonic() - began, 1),
        }
        print(table(rows))
        print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
        if arguments.json:
            arguments.json.write_text(json.dumps(about | {"rows": [row.as_json() for row in rows]}, indent=2))
        if suite.profiles is not None:
            print_top(suite.profiles, arguments.profile)


def _parts(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What to measure. The peers need a network once, and minutes each time, so they have to be asked for.

    Who has installed them has asked for them, but for a quick look.
    """
    if not arguments.only:
        if _peers_are_asked_for(arguments) or (comparison.are_installed() and not arguments.quick):
            return PARTS
        print("Peers are left out; --peers installs and measures them.")
        return PARTS[:-1]
    only = tuple(dict.fromkeys((*arguments.only, "peers") if arguments.peers else arguments.only))
    # The raw limit is what the peers are held against, too.
    return ("raw", *only) if "peers" in only and "raw" not in only else only


def _peers_are_asked_for(arguments: argparse.Namespace) -> bool:
    return arguments.peers or "peers" in (arguments.only or ())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Throughput and latency, beside the server's raw limit.")
    parser.add_argument(
        "--url", help="measure on this server, in a database of its own, not on an embedded one"
    )
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, of which the median counts")
    parser.add_argument("--quick", action="store_true", help="a short look, once")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="only these parts")
    parser.add_argument(
        "--peers", action="store_true", help="measure others, too, installing them if need be"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="profile the workers (which slows them)")
    return parser.parse_args()
