"""What others keep in the database is as it was after a migration, or nothing was migrated."""

from __future__ import annotations

import psycopg
import pytest

from pgworker.errors import StoreRefused
from pgworker.store.database import Database
from pgworker.store.migrations import head_revision, migrate, migration_script
from tests.support.server import Server

PREVIOUS = f"{int(head_revision()) - 1:04}"

# Of each kind something that hangs on a view, a function or a table of ours.
BUILT = {
    "a view": "create view mine.late as select * from pgworker.tasks",
    "a materialized view": "create materialized view mine.counts as"
    " select type, count(*) from pgworker.history group by type",
    "a function": "create function mine.name(p_task text) returns text begin atomic"
    " select pgworker.task_name(p_task); end",
    "a column's default": "create table mine.watched (id uuid, task text default"
    " pgworker.task_name('/do/0/a'))",
    "a check": "create table mine.checked (task text check (pgworker.task_name(task) <> ''))",
    "an index": "create table mine.tasks (task text); create index on mine.tasks (pgworker.task_name(task))",
    "a trigger on a table of ours": "create function mine.hear() returns trigger language plpgsql as"
    " 'begin return null; end'; create trigger hear after insert on pgworker.workflows"
    " for each row execute function mine.hear()",
    "a view in our schema": "create view pgworker.mine as select workflow_id from pgworker.tasks",
    "a function in our schema": "create function pgworker.mine() returns int language sql as 'select 1'",
    "a default of a column added to a table of ours": "alter table pgworker.workflows"
    " add column mine text default pgworker.task_name('/do/0/a')",
    "an index on a table of ours": "create index mine on pgworker.workflows (pgworker.task_name(name))",
    "a check of a table of ours": "alter table pgworker.workflows"
    " add constraint mine check (pgworker.task_name(name) <> 'zz')",
    "a policy": "create policy mine on pgworker.definitions using (pgworker.task_name('/do/0/a') = 'a')",
}

THINGS = """
    select pg_describe_object(classid, objid, 0) || ' ' || objid from pg_depend
    where (refclassid, refobjid) in (('pg_namespace'::regclass, 'mine'::regnamespace))
    union select 'trigger ' || oid from pg_trigger where tgname = 'hear'
    union select 'view ' || oid from pg_class where relname = 'mine'
    union select 'function ' || oid from pg_proc where proname = 'mine'
    union select 'policy ' || oid from pg_policy where polname = 'mine'
    union select 'default ' || oid || pg_get_expr(adbin, adrelid) from pg_attrdef
          where adrelid = to_regclass('mine.watched')
    union select 'constraint ' || oid || pg_get_constraintdef(oid) from pg_constraint
          where conrelid = to_regclass('mine.checked')
    union select 'default ' || oid from pg_attrdef where pg_get_expr(adbin, adrelid) like '%task_name%'
    union select 'constraint ' || oid from pg_constraint where conname = 'mine'
    union select 'an index ' || oid from pg_class where relname = 'mine' and relkind = 'i'
    union select 'index ' || indexrelid from pg_index where indrelid = to_regclass('mine.tasks')
    order by 1
"""


def _at(database: Database, server: Server, revision: str) -> psycopg.Connection:
    """A connection to the database, which has been brought to the revision."""
    server.psql(str(psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]), _script(revision))
    connection = psycopg.connect(database.url, autocommit=True)
    connection.execute("create schema mine")
    return connection


def _script(revision: str) -> str:
    return migration_script("pgworker", revision)


@pytest.mark.parametrize("kind", BUILT)
def test_what_others_built_on_the_schema_is_not_touched(empty: Database, server: Server, kind: str) -> None:
    with _at(empty, server, PREVIOUS) as connection:
        connection.execute(BUILT[kind])
        before = connection.execute(THINGS).fetchall()
        assert len(before) > 0
        assert migrate(empty) == (PREVIOUS, head_revision())
        assert connection.execute(THINGS).fetchall() == before


@pytest.mark.parametrize("kind", BUILT)
@pytest.mark.parametrize("revision", ["0001", "0003", "0006"])
def test_a_migration_that_would_take_something_from_others_does_nothing(
    empty: Database, server: Server, revision: str, kind: str
) -> None:
    """The early revisions dropped all code and made it anew."""
    with _at(empty, server, revision) as connection:
        connection.execute(BUILT[kind])
        before = connection.execute(THINGS).fetchall()
        with pytest.raises(
            StoreRefused, match=r"nothing was migrated, for this depends on what is replaced: ."
        ):
            migrate(empty)
        assert connection.execute(THINGS).fetchall() == before
        assert connection.execute("select version_num from pgworker.alembic_version").fetchone() == (
            revision,
        )


@pytest.mark.parametrize("revision", ["0001", PREVIOUS])
def test_grants_to_others_roles_outlive_a_migration(empty: Database, server: Server, revision: str) -> None:
    with _at(empty, server, revision) as connection:
        connection.execute("create role bystander nologin")
        try:
            connection.execute(
                "grant usage on schema pgworker to bystander;"
                " grant select on pgworker.tasks to bystander with grant option;"
                " grant select (workflow_id) on pgworker.history to bystander;"
                " grant select (status) on pgworker.workflows to bystander;"
                " grant execute on function pgworker.wait_for_workflow(uuid, interval) to bystander"
            )
            migrate(empty)
            rights = connection.execute(
                "select has_schema_privilege('bystander', 'pgworker', 'usage'),"
                " has_table_privilege('bystander', 'pgworker.tasks', 'select with grant option'),"
                " has_column_privilege('bystander', 'pgworker.history', 'workflow_id', 'select'),"
                " has_table_privilege('bystander', 'pgworker.history', 'select'),"
                " has_column_privilege('bystander', 'pgworker.workflows', 'status', 'select'),"
                " has_function_privilege("
                "  'bystander', 'pgworker.wait_for_workflow(uuid, interval)', 'execute'),"
                " has_table_privilege('bystander', 'pgworker.events', 'select')"
            )
            assert rights.fetchone() == (True, True, True, False, True, True, False)
        finally:
            connection.execute("drop owned by bystander; drop role bystander")


@pytest.mark.parametrize(
    "thing",
    [
        "create table mine (id int)",
        "create view mine as select 1 as one",
        "create function mine() returns int language sql as 'select 1'",
        "create type mine as enum ('a')",
        "create table alembic_version (version_num text)",
    ],
)
def test_a_schema_that_holds_something_else_is_refused(empty: Database, server: Server, thing: str) -> None:
    with psycopg.connect(empty.url, autocommit=True) as connection:
        connection.execute(thing.encode())
        objects = "select count(*) from pg_depend where refobjid = 'public'::regnamespace"
        before = connection.execute(objects).fetchone()
        with pytest.raises(
            StoreRefused, match="the schema public holds objects that are not pgworker's"
        ) as refused:
            migrate(Database(empty.url, "public"))
        assert refused.value.hint is not None
        with pytest.raises(AssertionError, match="holds objects that are not"):
            server.psql(connection.info.dbname, migration_script("public"))
        assert connection.execute(objects).fetchone() == before
        assert connection.execute("select has_schema_privilege('public', 'public', 'usage')").fetchone() == (
            True,
        )


def test_an_empty_schema_that_others_made_is_used(empty: Database) -> None:
    assert migrate(Database(empty.url, "public")) == (None, head_revision())
