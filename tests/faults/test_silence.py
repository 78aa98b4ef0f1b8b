"""A database that does not answer: how its silence is told from its work, and from our own slowness."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from pgworker.errors import DatabaseUnavailable
from pgworker.store.connection import Patience
from pgworker.store.database import Database
from pgworker.store.failures import translate
from pgworker.store.pool import open_pool
from tests.conftest import WorkerFactory
from tests.support.load import define_load, pulse
from tests.support.proxy import Proxy
from tests.support.stub import Stub


async def test_silence_is_an_error_after_a_while(proxy: Proxy) -> None:
    async with await Database(proxy.url).connect("test") as connection:
        connection.patience = Patience(0.3)
        await connection.execute("select 1")
        proxy.over().to_client = False
        with pytest.raises(psycopg.OperationalError, match=r"no answer within 0\.3 s") as silence:
            await connection.execute("select 1")
        assert connection.closed
        assert isinstance(translate(silence.value), DatabaseUnavailable)


async def test_in_a_pipeline_too(proxy: Proxy) -> None:
    async with await Database(proxy.url).connect("test") as connection:
        connection.patience = Patience(0.3)
        proxy.over().to_server = False
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="no answer"):
            await _two_in_a_pipeline(connection)
        assert time.monotonic() - began < 3


async def _two_in_a_pipeline(connection: psycopg.AsyncConnection) -> None:
    async with connection.pipeline():
        await connection.execute("select 1")
        await connection.execute("select 2")


async def test_who_got_no_answer_waits_for_longer_until_something_is_written(proxy: Proxy) -> None:
    patience = Patience(0.2)
    for _ in range(3):
        async with await Database(proxy.url).connect("test") as connection:
            connection.patience = patience
            proxy.over().to_client = False
            with pytest.raises(psycopg.OperationalError, match=f"no answer within {patience.seconds:g} s"):
                await connection.execute("select 1")
        proxy.clear()
    assert patience.seconds == 1.6
    patience.written()
    assert patience.seconds == 0.2


async def test_our_own_slowness_is_no_silence(database: Database) -> None:
    async with await database.connect("test") as connection:
        connection.patience = Patience(0.3)
        asked = asyncio.create_task(connection.execute("select pg_sleep(0.1)"))
        await asyncio.sleep(0.05)
        time.sleep(0.5)  # noqa: ASYNC251  # as a long decision does
        await asked


async def test_a_database_that_can_only_be_read_does_not_answer_a_ping(database: Database) -> None:
    async with await database.connect("test") as connection:
        await connection.ping()
        await connection.execute("set default_transaction_read_only = on")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await connection.ping()


async def test_a_pool_offers_no_connection_again_that_can_only_be_read(database: Database) -> None:
    async with open_pool(database, "test", size=1, watched=True) as pool:
        async with pool.connection() as connection:
            before = connection.info.backend_pid
            await connection.execute("set default_transaction_read_only = on")
        async with pool.connection() as connection:
            assert connection.info.backend_pid != before


async def test_the_server_is_told_to_notice_a_client_that_has_vanished(database: Database) -> None:
    async with await database.connect("test") as connection:
        row = await (await connection.execute("show tcp_keepalives_idle")).fetchone()
        assert row == ("5",)
        row = await (await connection.execute("show tcp_user_timeout")).fetchone()
        assert row == ("15000",)


@pytest.mark.soak
def test_a_worker_that_gets_no_answer_can_be_stopped(
    connection: psycopg.Connection, proxy: Proxy, worker_process: WorkerFactory, stub: Stub
) -> None:
    define_load(connection, stub.url)
    worker = worker_process(database_url=proxy.url, poll_seconds=0.2, grace_seconds=1)
    pulse(connection)
    proxy.over().to_client = False
    time.sleep(0.5)
    worker.terminate()
    assert worker.wait(20) == 0
