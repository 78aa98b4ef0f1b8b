"""Two places side by side, a small one and a large one: each a database with a worker of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from benchmarks.gauge import Gauge
from benchmarks.load import Load
from tests.conftest import WorkerFactory
from tests.support.processes import WorkerProcess
from tests.support.server import Server
from tests.support.waiting import until


@dataclass
class Place:
    """A database, a connection to it, and how to get workers there."""

    url: str
    connection: psycopg.Connection
    worker_process: WorkerFactory
    worker: WorkerProcess | None = None

    @property
    def load(self) -> Load:
        """What starts workflows here."""
        return Load(self.connection)

    @property
    def gauge(self) -> Gauge:
        """What measures the worker."""
        assert self.worker is not None
        return Gauge(self.connection, self.worker.pid)

    def begin(self, **settings: object) -> None:
        """A new worker begins to work, in the place of the one before."""
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait()
        self.worker = self.worker_process(wait=False, database_url=self.url, **settings)
        known = "select exists (select from pgworker.workers where id = %s)"
        until(lambda: self.value(known, self.worker and self.worker.id), what="the worker's start")

    def value(self, query: str, *parameters: object) -> Any:
        """The one value that a query gives."""
        row = self.connection.execute(query, parameters).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def places(
    server: Server, migrated: Any, worker_process: WorkerFactory, database_url: str
) -> Iterator[tuple[Place, Place]]:
    """A small place and a large one."""
    other = f"{migrated.dbname}_beside"
    with server.connect(server.maintenance_dbname) as administration:
        administration.execute(f'create database "{other}" template "{migrated.template_dbname}"')
        try:
            with server.connect(other) as first, psycopg.connect(database_url, autocommit=True) as second:
                small = Place(server.url(other), first, worker_process)
                large = Place(database_url, second, worker_process)
                yield small, large
                for place in (small, large):
                    if place.worker is not None:
                        place.worker.end()
        finally:
            administration.execute(f'drop database "{other}" with (force)')
