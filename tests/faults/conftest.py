"""Fixtures for everything that goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.proxy import Proxy
from tests.support.server import Server


@pytest.fixture
def worker_role(server: Server, database_url: str) -> Iterator[str]:
    """A plain user that workers can be, with no right but theirs."""
    role = f"worker_of_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create role {role} login in role pgworker_worker")
        yield role
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s", [role]
        )
        connection.execute(f"drop role {role}")


@pytest.fixture
def role_url(server: Server, database_url: str, worker_role: str) -> str:
    """The database as that user reaches it."""
    return server.url(database_url.rpartition("/")[2], user=worker_role)


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
