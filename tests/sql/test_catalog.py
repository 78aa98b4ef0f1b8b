"""What holds of every object of the schema."""

from __future__ import annotations

import psycopg

OURS = "p.pronamespace = 'pgworker'::regnamespace"


def test_every_function_has_a_comment(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        f"select p.oid::regprocedure::text from pg_proc p where {OURS}"
        " and obj_description(p.oid, 'pg_proc') is null"
    )
    assert rows.fetchall() == []


def test_every_table_view_and_column_has_a_comment(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "select c.relname, a.attname from pg_class c"
        " left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'pgworker'::regnamespace and c.relname <> 'alembic_version'"
        "   and c.relkind in ('r', 'v')"
        "   and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)"
    )
    assert rows.fetchall() == []


def test_every_function_pins_its_search_path_with_temporary_objects_last(
    connection: psycopg.Connection,
) -> None:
    rows = connection.execute(
        "select p.oid::regprocedure::text,"
        " (select substr(c, 13) from unnest(p.proconfig) c where c like 'search_path=%')"
        f" from pg_proc p where {OURS}"
    ).fetchall()
    assert len(rows) > 20
    assert {path for _, path in rows} == {"pgworker, pg_temp"}


def test_what_clients_call_runs_with_its_owners_rights(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        f"select p.proname from pg_proc p where {OURS} and not prosecdef"
        " and has_function_privilege('pgworker_client', p.oid, 'execute')"
    )
    assert rows.fetchall() == []


def test_every_table_has_a_primary_key(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "select relname from pg_class c where relnamespace = 'pgworker'::regnamespace and relkind = 'r'"
        " and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)"
    )
    assert rows.fetchall() == []


def test_keys_of_per_workflow_tables_start_with_the_workflow(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "select c.relname from pg_index i join pg_class c on c.oid = i.indrelid"
        " join pg_attribute a on a.attrelid = c.oid and a.attname = 'workflow_id'"
        " where c.relnamespace = 'pgworker'::regnamespace and i.indisprimary and i.indkey[0] <> a.attnum"
    )
    assert rows.fetchall() == []


def test_constraints_read_as_sentences(connection: psycopg.Connection) -> None:
    """Names that PostgreSQL made up end in what it made them of."""
    rows = connection.execute(
        "select conname from pg_constraint where connamespace = 'pgworker'::regnamespace and contype <> 'n'"
        " and conname ~ '_(pkey|key|check\\d*|fkey|excl)$' and conname not like 'alembic%%'"
    )
    assert rows.fetchall() == []


def test_no_function_uses_serial_numbers_of_its_own(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "select relname from pg_class where relnamespace = 'pgworker'::regnamespace and relkind = 'S'"
    )
    assert rows.fetchall() == []
