"""Workers and clients behind PgBouncer in transaction mode, with the listener beside it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgworker.client import Client
from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.pooler import PROGRAM, direct, pooler, through
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.twenty_tasks import define_twenty_tasks, start_twenty_tasks
from tests.support.waiting import until
from tests.support.workflows import define, ended, start

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")


@pytest.fixture
def pooled_url(server: Server, database_url: str) -> Iterator[str]:
    """The test's database through a pooler with fewer sessions than there are connections."""
    with pooler(server, sessions=3) as port:
        yield through(port, database_url)


async def test_everything_works_through_few_sessions_that_change(
    connection: psycopg.Connection,
    database_url: str,
    pooled_url: str,
    worker_process: WorkerFactory,
    stub: Stub,
) -> None:
    define_twenty_tasks(connection, stub.url)
    workers = [
        worker_process(database_url=pooled_url, listen_url=database_url, lease_seconds=2) for _ in range(3)
    ]
    started = start_twenty_tasks(connection, 40)
    workers[0].kill()
    for workflow_id in started:
        assert ended(connection, workflow_id, seconds=60)["status"] == "COMPLETED"
    assert violations(connection, stub.effects(), kills=1) == []
    async with Client(pooled_url) as client:
        assert len(await client.list(limit=100)) == 80
        lines = [line async for line in client.export(started[0])]
        assert len(lines) > 50
        assert [flaw async for verified in client.verify() for flaw in verified.flaws] == []
    assert all("prepared statement" not in worker.log for worker in workers)


def test_a_worker_that_sleeps_is_woken_past_the_pooler(
    connection: psycopg.Connection, database_url: str, pooled_url: str, worker_process: WorkerFactory
) -> None:
    define(connection)
    worker_process(database_url=pooled_url, listen_url=database_url, poll_seconds=60)
    idle = "select exists (select from pgworker.workers where idle)"
    until(lambda: connection.execute(idle).fetchone() == (True,), what="the worker's sleep")
    assert ended(connection, start(connection), seconds=5)["status"] == "COMPLETED"


@direct
def test_a_worker_that_would_hear_nothing_says_so_and_polls(
    connection: psycopg.Connection, pooled_url: str, worker_process: WorkerFactory
) -> None:
    define(connection)
    worker = worker_process(database_url=pooled_url, poll_seconds=0.2)
    assert ended(connection, start(connection), seconds=10)["status"] == "COMPLETED"
    assert "a pooler stands between this worker and the database" in worker.log
    assert "PGWORKER_LISTEN_URL" in worker.log
