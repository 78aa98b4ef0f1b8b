"""Putting work before the workers, and seeing when it is done."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

import psycopg
from psycopg.types.json import Jsonb

from pgworker.types import JsonObject

_LIMIT_SECONDS = 60.0
"""Nothing that is measured may take longer."""

_LOOK_SECONDS = 0.01


class Load:
    """Starts workflows from one connection of its own, in autocommit mode."""

    def __init__(self, connection: psycopg.Connection) -> None:
        connection.prepare_threshold = 0
        self.connection = connection
        self.workers: Sequence[subprocess.Popen[str]] = ()

    def define(self, definition: JsonObject) -> None:
        """Stores a definition."""
        self.connection.execute("select pgworker.define_workflow(%s)", [Jsonb(definition)])

    def start(self, name: str, given: JsonObject, count: int) -> None:
        """Starts so many workflows in one transaction."""
        self.connection.execute(
            "select count(pgworker.start_workflow(%s, %s)) from generate_series(1, %s)",
            [name, Jsonb(given), count],
        )

    def finish(self) -> None:
        """Waits until nothing is left to be done, and makes sure that every workflow is COMPLETED."""
        until = time.monotonic() + _LIMIT_SECONDS
        while self._value("select exists (select from pgworker.jobs)"):
            self._look_again(until, f"there is still work after {_LIMIT_SECONDS} s")
        failed = self._value("select count(*) from pgworker.workflows where status <> 'COMPLETED'")
        if failed:
            raise RuntimeError(f"{failed} workflows did not complete")

    def wait_for_workers(self) -> None:
        """Waits for the workers to come up."""
        until = time.monotonic() + _LIMIT_SECONDS
        while self._value("select count(*) from pgworker.workers") != len(self.workers):
            self._look_again(until, "the workers did not come up")

    def warm_up(self, name: str, given: JsonObject, count: int) -> None:
        """Waits for the workers to come up, and lets them do a little work."""
        self.wait_for_workers()
        for _ in range(3):
            self.start(name, given, count)
            self.finish()

    def events(self) -> int:
        """How many events there are."""
        return int(str(self._value("select coalesce(sum(last_seq), 0) from pgworker.workflows")))

    def _look_again(self, until: float, complaint: str) -> None:
        if any(worker.poll() is not None for worker in self.workers):
            raise RuntimeError("a worker has died")
        if time.monotonic() > until:
            raise TimeoutError(complaint)
        time.sleep(_LOOK_SECONDS)

    def _value(self, query: str) -> object:
        row = self.connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]
