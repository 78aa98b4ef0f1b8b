"""What a statement reads: pages, and whole tables; the statements inside of functions among it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgworker.errors import NotFound
from pgworker.store.database import Database
from pgworker.store.workflows import Workflows

_SCANS = """
select relname::text, seq_scan from pg_stat_xact_user_tables where schemaname = 'pgworker' and seq_scan > 0
"""

SMALL = {"workers", "event_clock"}
"""Tables of few rows, which are read as a whole."""

Parameters = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """Pages that were read, rows that were looked at, how long that took, and tables that were read whole.

    The rows are those of the statement itself, without what functions do.
    """

    pages: int
    rows: float
    milliseconds: float
    whole_tables: set[str] = field(default_factory=set)


def cost(connection: psycopg.Connection, statement: str, parameters: Parameters = ()) -> Cost:
    """The least cost of some runs, each of which is rolled back: the first ones read the catalogue, too."""
    runs = [_run(connection, statement, parameters) for _ in range(3)]
    pages = min(run.pages for run in runs)
    milliseconds = min(run.milliseconds for run in runs)
    sys.stdout.write(f"{' '.join(statement.split())[:80]}: {pages} pages, {milliseconds:.2f} ms\n")
    return Cost(pages, runs[-1].rows, milliseconds, runs[-1].whole_tables)


@contextmanager
def changed(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """Many rows of a table are changed until the block ends; nothing of them is left in anybody's way."""
    with connection.transaction(force_rollback=True):
        yield
    connection.execute(sql.SQL("vacuum pgworker.{}").format(sql.Identifier(table)))


def _run(connection: psycopg.Connection, statement: str, parameters: Parameters) -> Cost:
    with connection.transaction(force_rollback=True):
        before = dict(connection.execute(_SCANS).fetchall())
        explain = f"explain (analyze, buffers, format json) {statement}"
        row = connection.execute(explain, parameters).fetchone()
        scans = dict(connection.execute(_SCANS).fetchall())
    assert row is not None
    [explained] = row[0]
    plan = explained["Plan"]
    return Cost(
        plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        _rows(plan),
        explained["Execution Time"],
        {table for table, scanned in scans.items() if scanned > before.get(table, 0)} - SMALL,
    )


def _rows(node: Mapping[str, Any]) -> float:
    own = sum(
        node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    )
    return own * node["Actual Loops"] + sum(map(_rows, node.get("Plans", ())))


class _Notebook:
    """In the place of a pool, its connection and their cursor: keeps what is asked, and answers nothing."""

    statement: sql.Composed
    parameters: Mapping[str, Any]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[_Notebook]:
        yield self

    def cursor(self, **_: object) -> _Notebook:
        return self

    async def execute(self, statement: sql.Composed, parameters: Mapping[str, Any]) -> _Notebook:
        self.statement, self.parameters = statement, parameters
        return self

    async def fetchall(self) -> list[Any]:
        return []


async def asked(ask: Callable[[Workflows], Awaitable[object]]) -> tuple[str, Mapping[str, Any]]:
    """The statement, and its parameters, that the store asks the database with."""
    notebook = _Notebook()
    with suppress(NotFound):
        await ask(Workflows(Database(""), notebook))
    return notebook.statement.as_string(), notebook.parameters
