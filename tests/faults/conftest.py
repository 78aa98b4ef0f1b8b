"""Fixtures for everything that goes wrong: plain roles, proxies, and lanes in which workers have faults."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.failpoints.call_kinds import call_kinds
from tests.support.failpoints.control_kinds import control_kinds
from tests.support.failpoints.event_kinds import event_kinds
from tests.support.failpoints.flow_kinds import flow_kinds
from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.lanes import Lanes, open_lanes
from tests.support.processes import Zygote
from tests.support.proxy import Proxy
from tests.support.server import Server
from tests.support.stub import Stub

LANES = 3 * (os.cpu_count() or 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is written down."""
    return tmp_path_factory.mktemp("failpoints")


@pytest.fixture(scope="module")
def kinds(folder: Path) -> Mapping[str, Kind]:
    """All kinds of work by their names."""
    return {
        kind.name: kind for kind in (*flow_kinds(), *call_kinds(folder), *event_kinds(), *control_kinds())
    }


@pytest.fixture(scope="module")
def lanes(
    server: Server, zygote: Zygote, stub_process: Stub, folder: Path, kinds: Mapping[str, Kind]
) -> Iterator[Lanes]:
    """Where trials are made, some at a time."""
    stub_process.begin(folder / "ledger")
    with open_lanes(server, zygote, stub_process, folder, kinds, count=LANES) as lanes:
        yield lanes


@pytest.fixture
def chance() -> random.Random:
    """What decides by chance; the seed is printed, and PGWORKER_TEST_SEED sets it."""
    seed = int(os.environ.get("PGWORKER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"PGWORKER_TEST_SEED={seed}\n")
    return random.Random(seed)


@dataclass(frozen=True)
class Role:
    """A plain user that workers can be, with no right but theirs."""

    name: str
    url: str
    _connection: psycopg.Connection

    def alter(self, change: str) -> None:
        """Changes it, for sessions to come."""
        self._connection.execute(f"alter role {self.name} {change}")

    def end_sessions(self) -> int:
        """Terminates all its backends; returns how many there were."""
        ended = self._connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s", [self.name]
        )
        return len(ended.fetchall())


@pytest.fixture
def role(server: Server, database_url: str) -> Iterator[Role]:
    """The workers' user."""
    name = f"worker_of_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create role {name} login in role pgworker_worker")
        role = Role(name, server.url(database_url.rpartition("/")[2], user=name), connection)
        yield role
        role.end_sessions()
        connection.execute(f"drop role {name}")


@pytest.fixture
def new_proxy(database_url: str) -> Iterator[Callable[[], Proxy]]:
    """Puts proxies in front of the database."""
    with ExitStack() as opened:

        def new() -> Proxy:
            proxy = Proxy(database_url)
            opened.callback(proxy.close)
            return proxy

        yield new


@pytest.fixture
def proxy(new_proxy: Callable[[], Proxy]) -> Proxy:
    """One proxy in front of the database."""
    return new_proxy()
