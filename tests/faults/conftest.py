"""Fixtures for everything that goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
import pytest

from tests.support.proxy import Proxy
from tests.support.server import Server


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
