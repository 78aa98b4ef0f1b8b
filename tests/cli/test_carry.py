"""``pgworker export`` and ``pgworker import``."""

from __future__ import annotations

import psycopg
import pytest

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.cli.conftest import Command
from tests.conftest import WorkerFactory
from tests.support.workflows import define, ended, start


@pytest.fixture
def done(connection: psycopg.Connection, worker_process: WorkerFactory) -> str:
    """A workflow that has completed."""
    define(connection)
    worker_process()
    started = start(connection)
    ended(connection, started)
    return started


def test_a_workflow_goes_through_a_file_or_a_pipe_into_another_schema(
    pgworker: Command, database_url: str, done: str
) -> None:
    for schema in ("by_file", "by_pipe"):
        migrate(Database(database_url, schema))
    assert pgworker("export", done, "-f", "done.jsonl").code == 0
    assert [path.name for path in pgworker.folder.iterdir() if "done" in path.name] == ["done.jsonl"]
    answer = pgworker("import", "done.jsonl", PGWORKER_SCHEMA="by_file")
    assert (answer.code, answer.out) == (0, f"{done}\n")
    piped = pgworker("export", done)
    assert pgworker("import", "-", stdin=piped.out, PGWORKER_SCHEMA="by_pipe").code == 0
    shown = [
        pgworker("history", done, "-o", "jsonl", PGWORKER_SCHEMA=s).out
        for s in ("pgworker", "by_file", "by_pipe")
    ]
    assert shown[0] == shown[1] == shown[2] != ""


def test_a_failed_export_leaves_no_file(pgworker: Command, connection: psycopg.Connection) -> None:
    before = set(pgworker.folder.iterdir())
    answer = pgworker("export", "00000000-0000-0000-0000-000000000001", "-f", "none.jsonl")
    assert answer.code == 4
    assert set(pgworker.folder.iterdir()) == before


def test_a_damaged_file_is_one_clear_error(pgworker: Command, done: str) -> None:
    lines = pgworker("export", done).out.splitlines()
    answer = pgworker("import", "-", stdin="\n".join(lines[:-2]))
    assert answer.code == 1
    assert answer.err.startswith("pgworker: the file ends after line")
    assert "hint: It was cut off" in answer.err


def test_a_file_that_is_not_there_is_one_clear_error(
    pgworker: Command, connection: psycopg.Connection
) -> None:
    answer = pgworker("import", "missing.jsonl")
    assert (answer.code, answer.err) == (1, "pgworker: missing.jsonl: No such file or directory\n")
