"""Workers and clients behind a PgBouncer that is in no session for longer than a transaction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence

import psycopg
import pytest
from typer.testing import CliRunner

from pgworker.cli import app
from pgworker.client import Client
from pgworker.store.database import Database
from pgworker.store.listening import prove_listening
from pgworker.store.migrations import head_revision, migrate
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.pooler import Pooler, installed_pooler, running_pooler
from tests.support.processes import WorkerProcess
from tests.support.server import Server
from tests.support.stub import Stub
from tests.support.waiting import eventually, until
from tests.support.workflows import call, define

PROMPTLY = 10.0
"""Seconds within which all is done that nobody has to poll for."""


def _pooler(server: Server, mode: str) -> Iterator[Pooler]:
    program = installed_pooler()
    if program is None:
        pytest.skip("PgBouncer is not installed")
    with running_pooler(program, server, mode) as pooler:
        yield pooler


@pytest.fixture(scope="module")
def transactions(server: Server) -> Iterator[Pooler]:
    """A pooler of transactions."""
    yield from _pooler(server, "transaction")


@pytest.fixture(scope="module")
def sessions(server: Server) -> Iterator[Pooler]:
    """A pooler of sessions."""
    yield from _pooler(server, "session")


@pytest.fixture
def pooled_url(direct_url: str, transactions: Pooler) -> str:
    """The database by way of the pooler of transactions."""
    return transactions.url(direct_url)


@pytest.fixture
async def client(pooled_url: str) -> AsyncIterator[Client]:
    """A client behind it."""
    async with Client(pooled_url, "pgworker") as client:
        yield client


@pytest.fixture
def workers(pooled_url: str, direct_url: str, worker_process: WorkerFactory) -> Sequence[WorkerProcess]:
    """Two workers behind it, who listen past it and do not poll."""
    urls = {"database_url": pooled_url, "listen_url": direct_url}
    return [worker_process(**urls, poll_seconds=60) for _ in range(2)]


async def test_workers_and_a_client_work_behind_a_pooler(
    client: Client, connection: psycopg.Connection, workers: Sequence[WorkerProcess], stub: Stub
) -> None:
    tasks = [
        {"ask": call(f"{stub.url}/slow?ms=50")},
        {"nap": {"wait": {"milliseconds": 20}}},
        {"hear": {"listen": {"to": {"one": {"with": {"type": "paid"}}}}}},
    ]
    define(connection, tasks, "all")
    started = await asyncio.gather(*[client.start("all") for _ in range(30)])
    await client.publish("paid", {})
    ended = await asyncio.gather(*[client.wait(one, timeout=PROMPTLY) for one in started])
    assert {workflow.status for workflow in ended} == {"COMPLETED"}
    assert [flaw async for stretch in client.verify() for flaw in stretch.flaws] == []
    for worker in workers:
        assert '"level": "warning"' not in worker.log
        assert '"level": "error"' not in worker.log
    row = connection.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
    assert row == (0,)


async def test_what_is_set_for_a_session_of_ones_own_is_not_set_for_the_pools(
    client: Client, direct_url: str, pooled_url: str
) -> None:
    assert await client.workers() == []
    with psycopg.connect(pooled_url, autocommit=True) as other:
        for _ in range(4):  # the pool's sessions come by turns
            assert other.execute("select current_setting('tcp_user_timeout')").fetchone() == ("0",)
    async with await Database(direct_url).connect("own") as own:
        row = await (await own.execute("select current_setting('tcp_user_timeout')")).fetchone()
        assert row in [("15000",), ("15s",)]


async def test_times_come_in_utc_from_every_session_of_a_pool(
    direct_url: str, pooled_url: str, connection: psycopg.Connection
) -> None:
    connection.execute(f"alter database {connection.info.dbname} set timezone to 'Asia/Tokyo'")
    async with (
        await Database(pooled_url).connect("one") as one,
        await Database(direct_url).connect("own") as own,
    ):
        with psycopg.connect(pooled_url, autocommit=True) as other:
            other.execute("set timezone to 'Asia/Tokyo'")
            for _ in range(4):
                assert other.execute("show timezone", prepare=False).fetchone() == ("Asia/Tokyo",)
                assert await (await one.execute("show timezone")).fetchone() == ("UTC",)
        assert await (await own.execute("show timezone")).fetchone() == ("UTC",)


def test_a_worker_that_would_listen_in_vain_says_so_and_polls(
    connection: psycopg.Connection, worker_process: WorkerFactory, pooled_url: str
) -> None:
    define(connection)
    worker = worker_process(database_url=pooled_url, poll_seconds=0.2)
    until(lambda: "Set PGWORKER_LISTEN_URL" in worker.log, what="the warning")
    connection.execute("select pgworker.start_workflow('sample')")
    until(lambda: _completed(connection) == 1, what="the end of a workflow that was polled for")
    assert worker.log.count("not listening") == 1


async def test_one_listens_through_a_pool_of_sessions(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, direct_url: str, sessions: Pooler
) -> None:
    define(connection)
    url = sessions.url(direct_url)
    async with in_process_worker(database_url=url, poll_seconds=60), Client(url, "pgworker") as client:
        await eventually(lambda: _listens(connection))
        workflow = await client.wait(await client.start("sample"), timeout=PROMPTLY)
        assert workflow.status == "COMPLETED"


async def test_a_probe_finds_that_notifications_arrive(
    direct_url: str, pooled_url: str, sessions: Pooler
) -> None:
    await prove_listening(Database(direct_url))
    await prove_listening(Database(pooled_url, listen_url=direct_url))
    await prove_listening(Database(sessions.url(direct_url)))


def test_doctor_tells_whether_notifications_arrive(
    direct_url: str, pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGWORKER_DATABASE_URL", pooled_url)
    for listen_url, state in ((pooled_url, "warning"), (direct_url, "ok")):
        monkeypatch.setenv("PGWORKER_LISTEN_URL", listen_url)
        lines = CliRunner().invoke(app, ["doctor", "-o", "jsonl"]).stdout.splitlines()
        assert {row["topic"]: row["state"] for row in map(json.loads, lines)}["notifications"] == state


def test_a_schema_is_made_by_way_of_a_pooler(pooled_url: str, connection: psycopg.Connection) -> None:
    database = Database(pooled_url, "other")
    assert migrate(database) == (None, head_revision())
    assert migrate(database) == (head_revision(), head_revision())
    assert connection.execute("show search_path").fetchone() == ('"$user", public',)


def _completed(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from pgworker.workflows where status = 'COMPLETED'").fetchone()
    return 0 if row is None else int(row[0])


def _listens(connection: psycopg.Connection) -> bool:
    """Whether a worker sleeps, and its listener's last word was that it listens."""
    rows = connection.execute(
        "select from pgworker.workers, pg_stat_activity a where idle"
        " and a.datname = current_database() and a.query = 'listen \"pgworker\"'"
    )
    return rows.fetchone() is not None
