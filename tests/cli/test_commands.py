"""The commands around the engine: help, version, migrate, psql, worker."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import psycopg
import pytest

from pgworker import __version__
from pgworker.store.migrations import head_revision
from pgworker.store.readiness import newest_revision
from tests.support.waiting import until

COMMANDS = [
    "run", "worker", "migrate", "validate", "diagram", "deploy", "start", "list", "show", "history",
    "lifecycle", "cancel", "pause", "resume", "retry", "tail", "replay", "timeline", "workers", "queue",
    "waiting", "failures", "schedules", "health", "verify", "purge", "doctor", "dev", "executor", "publish",
    "psql", "conformance", "version",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(bare, command):
    answer = bare(command, "--help")
    assert answer.code == 0
    assert f"pgworker {command}" in answer.out


def test_the_version_is_told(bare):
    assert bare("version").out == bare("--version").out == f"pgworker {__version__}\n"


def test_help_and_validation_load_neither_driver_nor_alembic(bare):
    code = (
        "import sys; from pgworker.cli import app\n"
        "app(['validate', 'hello.yaml'], standalone_mode=False)\n"
        "heavy = {'psycopg', 'alembic', 'sqlalchemy', 'aiohttp', 'pydantic_settings'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=bare.folder,
        env=bare.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "hello.yaml: ok\n[]\n"


def test_migrate_makes_the_schema_and_then_has_nothing_to_do(pgworker):
    first = pgworker("migrate", PGWORKER_SCHEMA="another")
    assert (first.code, first.out) == (0, f"made the schema another at revision {head_revision()}\n")
    assert "already" in pgworker("migrate", PGWORKER_SCHEMA="another").out


def test_the_migrations_script_makes_the_same_schema_by_psql(pgworker, server, connection):
    script = pgworker("migrate", "--sql", PGWORKER_SCHEMA="by_hand", PGWORKER_DATABASE_URL="").out
    server.psql(connection.info.dbname, script)
    assert pgworker("list", PGWORKER_SCHEMA="by_hand").code == 0
    assert "already" in pgworker("migrate", PGWORKER_SCHEMA="by_hand").out


def test_the_newest_revision_is_alembics_head():
    assert newest_revision() == head_revision()


@pytest.mark.parametrize("schema", ["pgworker", 'odd "name\\ '])
def test_psql_opens_in_the_schema(pgworker, database_url, schema):
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    shown = pgworker("psql", "-X", "-A", "-t", "-c", "show search_path", PGWORKER_SCHEMA=schema)
    assert shown.out.strip() == '"{}", public'.format(schema.replace('"', '""'))
    counted = pgworker("psql", "-X", "-A", "-t", "-c", "select count(*) from workflows")
    assert (counted.code, counted.out) == (0, "0\n")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_works_until_it_is_terminated(pgworker, connection, processes):
    pgworker("deploy", "hello.yaml")
    working = pgworker.begin("worker", "--processes", processes, "--concurrency", "3")
    answer = pgworker("start", "test/hello", "-P", "name=Ada", "--wait", "--timeout", "30")
    assert answer.value == {"greeting": "Hello Ada"}
    until(lambda: _workers(connection) == [3] * int(processes), what="the start of the processes")
    working.send_signal(signal.SIGTERM)
    _, err = working.communicate(timeout=30)
    assert working.returncode == 0
    assert "worker stopped" in err
    assert _workers(connection) == []


def test_a_worker_waits_for_a_database_that_is_away(bare):
    working = bare.begin("worker", PGWORKER_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert working.stderr is not None
    # it says that it has begun, and then that it finds no database: from then on it hears signals
    until(lambda: "no connection to the database" in working.stderr.readline(), seconds=30)
    assert working.poll() is None
    working.send_signal(signal.SIGINT)
    working.communicate(timeout=30)
    assert working.returncode == 0


def _workers(connection: psycopg.Connection) -> list[int]:
    return [slots for (slots,) in connection.execute("select slots from pgworker.workers")]
