"""Migrating and loading ``sql/`` give the same schema, wherever and however often it is done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from psycopg import sql

from pgworker.errors import DatabaseUnavailable, StoreRefused
from pgworker.store.database import Database
from pgworker.store.migrations import current_sql, head_revision, migrate, migration_script
from tests.conftest import InProcessWorker
from tests.support.catalog import catalog
from tests.support.server import Server
from tests.support.waiting import eventually, until

ROOT = Path(__file__).resolve().parents[2]
ODD = "we\"ird $schema$ 'ü"
ODD_NAMES = pytest.mark.parametrize("schema", ["Upper Case", ODD, "100%s", "a.b", "x" * 63], ids=repr)


def _load(url: str, schema: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("set local search_path to {}, pg_temp").format(sql.Identifier(schema)))
        connection.execute(current_sql().encode())


def _catalog(url: str, schema: str) -> dict[str, list[str]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog(connection, schema)


def test_migrating_and_loading_sql_give_the_same_schema(database_url: str) -> None:
    _load(database_url, "loaded")
    migrated = _catalog(database_url, "pgworker")
    assert all(migrated[part] for part in ("relations", "columns", "constraints", "indexes", "functions"))
    assert all(migrated[part] for part in ("triggers", "views", "schema"))
    loaded = _catalog(database_url, "loaded")
    for part, objects in migrated.items():
        assert loaded[part] == objects, part


def test_the_comparison_notices_the_smallest_difference(
    connection: psycopg.Connection, database_url: str
) -> None:
    """A comparison that cannot fail would prove nothing."""
    _load(database_url, "loaded")
    for part, change in {
        "relations": "grant select on loaded.jobs to pgworker_client",
        "columns": "comment on column loaded.jobs.seq is 'other'",
        "constraints": "alter table loaded.events drop constraint numbers_count_from_one",
        "indexes": "drop index loaded.workflows_by_age",
        "functions": "grant execute on function loaded.task_name(text) to public",
        "triggers": "drop trigger history_is_not_truncated on loaded.events",
        "views": "drop view loaded.tasks",
        "schema": "grant usage on schema loaded to public",
    }.items():
        before = _catalog(database_url, "loaded")
        connection.execute(change)
        assert _catalog(database_url, "loaded")[part] != before[part], part


def test_psql_can_run_the_migrations_script(server: Server, empty: Database, database_url: str) -> None:
    dbname = psycopg.conninfo.conninfo_to_dict(empty.url)["dbname"]
    server.psql(str(dbname), migration_script("pgworker"))
    assert _catalog(empty.url, "pgworker") == _catalog(database_url, "pgworker")
    assert migrate(empty) == (head_revision(), head_revision())


@ODD_NAMES
def test_psql_can_run_the_script_of_a_schema_with_any_name(
    server: Server, empty: Database, database_url: str, schema: str
) -> None:
    dbname = psycopg.conninfo.conninfo_to_dict(empty.url)["dbname"]
    server.psql(str(dbname), migration_script(schema))
    assert _catalog(empty.url, schema) == _catalog(database_url, "pgworker")


@ODD_NAMES
def test_a_schema_of_any_name_can_be_migrated(database_url: str, schema: str) -> None:
    migrate(Database(database_url, schema))
    assert _catalog(database_url, schema) == _catalog(database_url, "pgworker")
    assert migrate(Database(database_url, schema)) == (head_revision(), head_revision())


@ODD_NAMES
async def test_a_worker_works_in_a_schema_of_any_name(
    connection: psycopg.Connection, database_url: str, in_process_worker: InProcessWorker, schema: str
) -> None:
    migrate(Database(database_url, schema))
    quoted = sql.Identifier(schema).as_string()
    document = '{"document": {"dsl": "1.0.3", "namespace": "default", "name": "a", "version": "1.0.0"},'
    document += ' "do": [{"nap": {"wait": {"milliseconds": 20}}}]}'

    def count(status: str) -> int:
        query = f"select count(*) from {quoted}.workflows where status = '{status}'"
        row = connection.execute(query.encode()).fetchone()
        return 0 if row is None else row[0]

    async with in_process_worker(db_schema=schema, poll_seconds=60):
        connection.execute(f"select {quoted}.define_workflow('{document}')".encode())
        connection.execute(f"select {quoted}.start_workflow('a')".encode())
        await eventually(lambda: count("COMPLETED") == 1, seconds=5)
    row = connection.execute("select count(*) from pgworker.workflows").fetchone()
    assert row == (0,)


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    assert migrate(empty) == (None, head_revision())
    before = _catalog(empty.url, "pgworker")
    assert migrate(empty) == (head_revision(), head_revision())
    assert _catalog(empty.url, "pgworker") == before


def test_migrators_at_once_wait_for_each_other(empty: Database, database_url: str) -> None:
    migrating = "import sys; from pgworker.store import database, migrations as m;"
    migrating += " sys.stdin.readline(); print(m.migrate(database.Database(sys.argv[1]))[0])"
    migrators = [
        subprocess.Popen(
            [sys.executable, "-c", migrating, empty.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(3)
    ]
    for migrator in migrators:
        assert migrator.stdin is not None
        migrator.stdin.write("now\n")
        migrator.stdin.flush()
    answers = [migrator.communicate(timeout=30) for migrator in migrators]
    assert [migrator.returncode for migrator in migrators] == [0, 0, 0], answers
    assert _catalog(empty.url, "pgworker") == _catalog(database_url, "pgworker")


def test_a_migration_that_is_cut_off_leaves_nothing_and_can_be_made_again(
    empty: Database, connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    """The last thing that a migration does is to grant; a lock on a role's row stops it there."""
    blocker = psycopg.connect(empty.url)
    blocker.execute("create schema pgworker")
    failures: list[BaseException] = []

    def run() -> None:
        try:
            migrate(empty)
        except (DatabaseUnavailable, StoreRefused) as error:
            failures.append(error)

    cut_off = Thread(target=run)
    cut_off.start()

    def kill() -> bool:
        rows = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'pgworker migrate' and wait_event_type = 'Lock'"
        ).fetchall()
        return rows == [(True,)]

    until(kill)
    cut_off.join(20)
    blocker.rollback()
    blocker.close()
    assert len(failures) == 1
    with psycopg.connect(empty.url) as looking:
        assert looking.execute("select from pg_namespace where nspname = 'pgworker'").fetchone() is None
    assert migrate(empty) == (None, head_revision())


def test_a_schema_of_the_future_is_refused(database: Database, connection: psycopg.Connection) -> None:
    connection.execute("update pgworker.alembic_version set version_num = '9999'")
    with pytest.raises(StoreRefused, match="at revision 9999, which this version does not know"):
        migrate(database)


def test_a_database_that_is_not_there_is_unavailable(server: Server) -> None:
    with pytest.raises((DatabaseUnavailable, StoreRefused)):
        migrate(Database(server.url("there_is_no_such_database")))
