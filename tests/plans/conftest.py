"""A database that is full, for all tests of plans together: what they change they roll back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from tests.support.crowd import gather
from tests.support.server import Server

CROWDS = [
    pytest.param(100_000, id="100000"),
    pytest.param(1_000_000, id="1000000", marks=pytest.mark.soak),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of plans runs with both crowds, unless it says with which."""
    says = any("crowd" in mark.args for mark in metafunc.definition.iter_markers("parametrize"))
    if "crowd" in metafunc.fixturenames and not says:
        metafunc.parametrize("crowd", CROWDS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def crowd(request: pytest.FixtureRequest, server: Server, migrated: Any) -> Iterator[str]:
    """The name of the full database."""
    name = f"{migrated.dbname}_crowd"
    _administer(server, f'create database "{name}" template "{migrated.template_dbname}"')
    try:
        with closing(server.connect(name)) as connection:
            gather(connection, request.param)
        yield name
    finally:
        _administer(server, f'drop database "{name}" with (force)')


@pytest.fixture
def crowded(server: Server, crowd: str) -> Iterator[psycopg.Connection]:
    """A connection to it, of the test's own: others may have restarted the server since the last one."""
    with closing(server.connect(crowd)) as connection:
        yield connection


def _administer(server: Server, statement: str) -> None:
    """On a connection of its own: other tests may have restarted the server since the last one."""
    with server.connect(server.maintenance_dbname) as administration:
        administration.execute(statement.encode())
