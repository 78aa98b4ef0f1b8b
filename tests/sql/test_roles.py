"""Roles: who may do what, and that nobody else may do anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.conftest import InProcessWorker
from tests.support.server import Server
from tests.support.workflows import HELLO, define, has_ended, start

PUBLIC_FUNCTIONS = {
    "append_event",
    "cancel_workflow",
    "declare_functions",
    "define_workflow",
    "pause_workflow",
    "resume_workflow",
    "retry_workflow",
    "start_workflow",
    "wait_for_workflow",
    "workflow_outcome",
    "publish_event",
}
ROLES = ("pgworker_client", "pgworker_reader", "pgworker_worker")


@contextmanager
def _as_role(connection: psycopg.Connection, role: str) -> Iterator[None]:
    connection.execute(f"set role {role}")
    try:
        yield
    finally:
        connection.execute("reset role")


def _executable(connection: psycopg.Connection, role: str) -> set[str]:
    rows = connection.execute(
        "select p.proname from pg_proc p where p.pronamespace = 'pgworker'::regnamespace"
        " and has_function_privilege(%s, p.oid, 'execute')",
        [role],
    )
    return {name for (name,) in rows}


def _relations(connection: psycopg.Connection, role: str, privileges: str) -> set[str]:
    rows = connection.execute(
        "select c.relname from pg_class c where c.relnamespace = 'pgworker'::regnamespace"
        " and c.relkind in ('r', 'v', 'm', 'p') and has_any_column_privilege(%(role)s, c.oid, %(any)s)"
        " or c.relnamespace = 'pgworker'::regnamespace and c.relkind in ('r', 'v', 'm', 'p')"
        " and has_table_privilege(%(role)s, c.oid, %(all)s)",
        {
            "role": role,
            "any": ",".join(p for p in privileges.split(",") if p not in ("delete", "truncate", "trigger")),
            "all": privileges,
        },
    )
    return {name for (name,) in rows}


def _everything(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute(
        "select relname from pg_class where relnamespace = 'pgworker'::regnamespace and relkind in ('r', 'v')"
    )
    return {name for (name,) in rows}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_can_log_in_or_is_more_than_a_role(connection: psycopg.Connection, role: str) -> None:
    row = connection.execute(
        "select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
        " from pg_roles where rolname = %s",
        [role],
    ).fetchone()
    assert row == (False,) * 6


def test_everybody_else_can_do_nothing(connection: psycopg.Connection) -> None:
    assert _executable(connection, "public") == set()
    assert _relations(connection, "public", "select,insert,update,references") == set()
    row = connection.execute(
        "select has_schema_privilege('public', 'pgworker', 'usage'),"
        " has_schema_privilege('public', 'pgworker', 'create')"
    ).fetchone()
    assert row == (False, False)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_can_write_a_table_or_create_anything(connection: psycopg.Connection, role: str) -> None:
    assert _relations(connection, role, "insert,update,delete,truncate,references,trigger") == set()
    row = connection.execute("select has_schema_privilege(%s, 'pgworker', 'create')", [role]).fetchone()
    assert row == (False,)


def test_clients_execute_the_public_functions_and_read_nothing(connection: psycopg.Connection) -> None:
    assert _executable(connection, "pgworker_client") == PUBLIC_FUNCTIONS
    assert _relations(connection, "pgworker_client", "select") == set()
    with _as_role(connection, "pgworker_client"):
        for relation in ("workflows", "events", "jobs", "definitions", "workers", "history", "tasks"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select * from pgworker.{relation}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from pgworker.claim_activities('me', 1, '1 s')")


def test_a_client_can_do_all_that_clients_do(connection: psycopg.Connection) -> None:
    with _as_role(connection, "pgworker_client"):
        define(connection, HELLO)
        started = start(connection)
        connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
        connection.execute("select pgworker.cancel_workflow(%s)", [started])
        with pytest.raises(psycopg.errors.DatabaseError, match="is CANCELLED"):
            connection.execute("select pgworker.wait_for_workflow(%s)", [started])


def test_readers_read_everything_and_do_nothing(connection: psycopg.Connection) -> None:
    assert _executable(connection, "pgworker_reader") == {
        "check_database", "check_workflows", "event_value", "export_workflow",
        "lanes", "open_tasks", "state_at", "task_name", "timeline",
        "undone", "was_undone", "workflow_outcome",
    }  # fmt: skip
    assert _relations(connection, "pgworker_reader", "select") == _everything(connection)
    define(connection)
    started = start(connection)
    with _as_role(connection, "pgworker_reader"):
        for relation in _everything(connection):
            connection.execute(f"select * from pgworker.{relation}")
        assert len(connection.execute("select * from pgworker.history").fetchall()) == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pgworker.cancel_workflow(%s)", [started])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("insert into pgworker.events (workflow_id, type) values (%s, 'a')", [started])


async def test_a_worker_needs_no_more_than_its_role(
    connection: psycopg.Connection, server: Server, in_process_worker: InProcessWorker
) -> None:
    login = "pgworker_tests_worker"
    connection.execute(f"create role {login} login password 'secret' in role pgworker_worker")
    try:
        define(connection, [{"nap": {"wait": {"milliseconds": 20}}}, *HELLO])
        url = server.url(connection.info.dbname, user=login, password="secret")
        async with in_process_worker(database_url=url, poll_seconds=60):
            row = await has_ended(connection, start(connection))
        assert row["status"] == "COMPLETED"
        row = connection.execute(
            "select count(*) from pgworker.events where actor = 'in-process' and type = 'workflow.completed'"
        ).fetchone()
        assert row == (1,)
    finally:
        connection.execute(f"drop owned by {login}")
        connection.execute(f"drop role {login}")


def test_an_events_actor_is_who_logged_in_not_who_owns_the_function(connection: psycopg.Connection) -> None:
    define(connection)
    with _as_role(connection, "pgworker_client"):
        started = start(connection)
        connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    rows = connection.execute("select distinct actor from pgworker.events").fetchall()
    assert rows == [(connection.info.user,)]


def test_a_callers_search_path_changes_nothing(connection: psycopg.Connection) -> None:
    """A table of the caller's own that bears the name of ours is not what the functions use."""
    define(connection)
    connection.execute("create temporary table workflows (id uuid)")
    connection.execute("create temporary table events (id uuid)")
    connection.execute("create temporary table jobs (id uuid)")
    connection.execute("set search_path to pg_temp, public")
    started = start(connection)
    connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
    connection.execute("select pgworker.cancel_workflow(%s)", [started])
    assert connection.execute("select count(*) from pg_temp.workflows").fetchone() == (0,)
