"""Very many workflows that wait: copies of one that a worker has really brought to where it waits.

A copy is, row by row, what the engine would have written had that workflow been started once more: all rows
of the original with another id, and with other values in the place of some.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

_TABLES = {"workflows": "id", "events": "workflow_id", "jobs": "workflow_id", "subscriptions": "workflow_id"}

_MADE = """
create temporary table copies on commit drop as
select n, pgworker.uuid_by_time()::text as id from generate_series({}, {}) n
"""

_ORIGINAL = "select to_jsonb(o)::text from pgworker.{} o where o.{} = %s"

_COLUMNS = """
select array_agg(attname::text order by attnum) from pg_attribute
where attrelid = format('pgworker.%%I', %s::text)::regclass
  and attnum > 0 and not attisdropped and attgenerated = ''
"""

_INSERT = """
insert into pgworker.{table} ({columns})
select {values} from copies c
cross join lateral jsonb_populate_record(null::pgworker.{table}, {row}::jsonb) r
order by c.n
"""


def copy(
    connection: psycopg.Connection,
    original: str,
    numbers: range,
    replacing: Mapping[str, sql.Composable] | None = None,
) -> None:
    """Copies a workflow once for each number.

    ``replacing`` leads from texts of the original to SQL expressions of the number ``c.n``: what stands in
    their place in every row of a copy.
    """
    with connection.transaction():
        connection.execute("set local timezone to 'UTC'")
        connection.execute(sql.SQL(_MADE).format(numbers.start, numbers.stop - 1))
        for table, key in _TABLES.items():
            query = sql.SQL(_ORIGINAL).format(sql.Identifier(table), sql.Identifier(key))
            for (row,) in connection.execute(query, [original]).fetchall():
                connection.execute(
                    _insert(connection, table, row, {original: sql.SQL("c.id"), **(replacing or {})})
                )


def _insert(
    connection: psycopg.Connection, table: str, row: str, replacing: Mapping[str, sql.Composable]
) -> sql.Composed:
    (columns,) = connection.execute(_COLUMNS, [table]).fetchone() or ([],)
    text: sql.Composable = sql.Literal(row)
    for old, new in replacing.items():
        if old in row:
            text = sql.SQL("replace({}, {}, {})").format(text, sql.Literal(old), new)
    return sql.SQL(_INSERT).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(sql.SQL("r.{}").format(sql.Identifier(column)) for column in columns),
        row=text,
    )
