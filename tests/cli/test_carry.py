"""``pgworker export`` and ``pgworker import``."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

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


def test_an_export_goes_through_a_link_and_into_a_pipe_and_keeps_the_mode_of_a_file(
    pgworker: Command, done: str
) -> None:
    lines = pgworker("export", done).out
    kept = pgworker.folder / "kept.jsonl"
    kept.touch(0o600)
    (pgworker.folder / "link.jsonl").symlink_to(kept)
    assert pgworker("export", done, "-f", "link.jsonl").code == 0
    assert (pgworker.folder / "link.jsonl").is_symlink()
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (lines, 0o600)
    pipe = pgworker.folder / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as reader:
        read = reader.submit(pipe.read_text)
        assert pgworker("export", done, "-f", "pipe").code == 0
        assert read.result(10) == lines
    assert pipe.is_fifo()


def test_bytes_that_are_no_text_are_one_clear_error(pgworker: Command, done: str) -> None:
    (pgworker.folder / "odd.jsonl").write_bytes(b"\xff\xfe")
    answer = pgworker("import", "odd.jsonl")
    assert answer.code == 1
    assert answer.err.startswith("pgworker: this is no export of a workflow, for it is not UTF-8")


def test_an_export_to_a_device_of_the_process_goes_on_through_a_pipe(pgworker: Command, done: str) -> None:
    assert pgworker("export", done, "-f", "/dev/stdout").out == pgworker("export", done).out
