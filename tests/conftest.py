"""Fixtures for everything that needs a database, a worker or a service to call."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import structlog
from pytest_postgresql import factories

from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from pgworker.worker.service import serve
from tests.support.pooler import Pooler, installed_pooler, running_pooler
from tests.support.processes import WorkerProcess, Zygote
from tests.support.server import Server, running_server
from tests.support.stub import Stub
from tests.support.waiting import eventually, until

WorkerFactory = Callable[..., WorkerProcess]
InProcessWorker = Callable[..., AbstractAsyncContextManager["asyncio.Task[None]"]]


# what workers log in a test's own process: pretty tracebacks take seconds to draw, each
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL server of this session."""
    with running_server() as server:
        yield server


def _migrate(*, host: str, port: int, user: str, dbname: str, password: str | None, autocommit: bool) -> None:
    migrate(Database(Server(host, port, user, password, dbname).url(dbname)))


migrated = factories.postgresql_noproc(
    dbname=f"pgworker_tests_{os.getpid()}", load=[_migrate], depends_on="server"
)
copied = factories.postgresql("migrated")


@pytest.fixture(scope="session")
def pooler(server: Server) -> Iterator[Pooler | None]:
    """The pooler in front of it, if the tests are to go through one."""
    if not os.environ.get("PGWORKER_TEST_PGBOUNCER"):
        yield None
        return
    program = installed_pooler()
    assert program is not None, "PGWORKER_TEST_PGBOUNCER is set, and there is no PgBouncer"
    with running_pooler(program, server) as pooler:
        yield pooler


@pytest.fixture
def direct_url(server: Server, copied: psycopg.Connection) -> str:
    """A fresh, migrated database of this test's own, with no pooler in between."""
    dbname = copied.info.dbname
    copied.close()
    return server.url(dbname)


@pytest.fixture
def listen_url(direct_url: str, pooler: Pooler | None, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Where workers have to listen, if a pooler is in between: a setting of every process that is started."""
    if pooler is None:
        return None
    monkeypatch.setenv("PGWORKER_LISTEN_URL", direct_url)
    return direct_url


@pytest.fixture
def database_url(direct_url: str, listen_url: str | None, pooler: Pooler | None) -> str:
    """The database as workers and clients reach it."""
    return direct_url if pooler is None else pooler.url(direct_url)


@pytest.fixture
def database(database_url: str, listen_url: str | None) -> Database:
    """The same, as the store knows it."""
    return Database(database_url, listen_url=listen_url)


@pytest.fixture
def connection(direct_url: str) -> Iterator[psycopg.Connection]:
    """A connection to it, in autocommit mode."""
    with psycopg.connect(direct_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def connect(direct_url: str) -> Iterator[Callable[[], psycopg.Connection]]:
    """Opens further connections to it, in autocommit mode."""
    opened: list[psycopg.Connection] = []

    def open_one() -> psycopg.Connection:
        opened.append(psycopg.connect(direct_url, autocommit=True))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """What worker processes are forked from."""
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture
def worker_process(
    database_url: str, listen_url: str | None, zygote: Zygote, tmp_path: Path
) -> Iterator[WorkerFactory]:
    """Starts worker processes; keywords are settings, such as ``lease_seconds=1``.

    It returns when the worker has made itself known, or at once with ``wait=False``. ``clock`` makes its
    clock wrong, see ``tests.support.clock``.
    """
    started: list[WorkerProcess] = []
    numbers = count(1)

    def start(*, wait: bool = True, **settings: object) -> WorkerProcess:
        worker_id = f"worker-{next(numbers)}"
        environment = {
            "PGWORKER_DATABASE_URL": database_url,
            "PGWORKER_WORKER_ID": worker_id,
            "PGWORKER_HTTP_ALLOW_PRIVATE": "all",
        }
        if listen_url is not None and "database_url" not in settings:
            environment["PGWORKER_LISTEN_URL"] = listen_url
        environment |= {f"PGWORKER_{name.upper()}": str(value) for name, value in settings.items()}
        worker = WorkerProcess(zygote, environment, tmp_path / f"{worker_id}.log")
        started.append(worker)
        if wait:
            url = environment["PGWORKER_DATABASE_URL"]
            with psycopg.connect(url, autocommit=True) as connection:
                until(lambda: _is_known(connection, worker_id), what=f"the start of {worker_id}")
        return worker

    yield start
    for worker in started:
        worker.end()
        sys.stdout.write(f"--- log of {worker.id}\n{worker.log[-20_000:]}\n")


@pytest.fixture
def in_process_worker(database_url: str, listen_url: str | None) -> InProcessWorker:
    """Runs a worker as a task of the test's event loop; keywords are settings.

    The test's own waiting has to let it run: see ``tests.support.waiting.eventually``.
    """

    @asynccontextmanager
    async def run(**settings: object) -> AsyncIterator[asyncio.Task[None]]:
        worker_id = str(settings.pop("worker_id", "in-process"))
        stop = asyncio.Event()
        values = {
            "database_url": database_url,
            "listen_url": None if "database_url" in settings else listen_url,
            "http_allow_private": "all",
            "worker_id": worker_id,
        } | settings
        # what hypothesis does when garbage is collected would be interrupted with the expressions
        callbacks, gc.callbacks[:] = gc.callbacks[:], []
        task = asyncio.create_task(serve(Settings(**values), stop))
        try:
            with psycopg.connect(values["database_url"], autocommit=True) as connection:
                schema = str(values.get("db_schema", "pgworker"))
                await eventually(
                    lambda: task.done() or _is_known(connection, worker_id, schema), what="the worker's start"
                )
            yield task
        finally:
            gc.callbacks[:] = callbacks
            stop.set()
            _, stuck = await asyncio.wait([task], timeout=20)
            if stuck:
                for one in asyncio.all_tasks():
                    one.print_stack(file=sys.stdout)
                task.cancel()
            await task
            assert not stuck, "the worker does not stop"

    return run


def _is_known(connection: psycopg.Connection, worker_id: str, schema: str = "pgworker") -> bool:
    quoted = psycopg.sql.Identifier(schema).as_string().replace("%", "%%")
    query = f"select from {quoted}.workers where id = %s"
    # never prepared: the connection may be a pooler's
    return connection.execute(query, [worker_id], prepare=False).fetchone() is not None


@pytest.fixture(scope="session")
def stub_process() -> Iterator[Stub]:
    """The stub service's process."""
    stub = Stub()
    yield stub
    stub.close()


@pytest.fixture
def stub(stub_process: Stub, tmp_path: Path) -> Stub:
    """The service that workflows call, with a new ledger."""
    stub_process.begin(tmp_path / "ledger")
    return stub_process
