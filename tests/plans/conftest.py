"""A database that is full, for all tests of plans together: what they change they roll back."""

from __future__ import annotations

from collections.abc import Iterator
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
    says = any("crowded" in mark.args for mark in metafunc.definition.iter_markers("parametrize"))
    if "crowded" in metafunc.fixturenames and not says:
        metafunc.parametrize("crowded", CROWDS, indirect=True, scope="package")


@pytest.fixture(scope="package")
def crowded(request: pytest.FixtureRequest, server: Server, migrated: Any) -> Iterator[psycopg.Connection]:
    """A connection to the full database."""
    name = f"{migrated.dbname}_crowd"
    with server.connect(server.maintenance_dbname) as administration:
        administration.execute(f'create database "{name}" template "{migrated.template_dbname}"')
        try:
            with server.connect(name) as connection:
                gather(connection, request.param)
                yield connection
        finally:
            administration.execute(f'drop database "{name}" with (force)')
