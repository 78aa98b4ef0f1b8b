"""Databases to be migrated."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgworker.store.database import Database
from tests.support.server import Server


@pytest.fixture
def empty(server: Server, connection: psycopg.Connection) -> Iterator[Database]:
    """A database with nothing in it."""
    name = f"{connection.info.dbname}_empty"
    connection.execute(f"drop database if exists {name} with (force)")
    connection.execute(f"create database {name}")
    yield Database(server.url(name))
    connection.execute(f"drop database {name} with (force)")
