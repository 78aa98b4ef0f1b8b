"""Everything that a schema consists of, told so that two schemas can be compared."""

from __future__ import annotations

import psycopg
from psycopg import sql

_NAME = "the_schema_in_question"

_PARTS = {
    "relations": """
        select c.relname, c.relkind::text, c.reloptions::text, obj_description(c.oid, 'pg_class'),
               (select array_agg(a::text order by a::text) from unnest(c.relacl) a)::text
        from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'v', 'S', 'm', 'p')""",
    "columns": """
        select c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum),
               a.attacl::text, a.attcollation
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = n.oid and c.relkind in ('r', 'v')""",
    "constraints": """
        select c.relname, k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
        from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = n.oid""",
    "indexes": """
        select pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class')
        from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = n.oid""",
    "functions": """
        select p.oid::regprocedure::text, pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'),
               (select array_agg(a::text order by a::text) from unnest(p.proacl) a)::text
        from pg_proc p where p.pronamespace = n.oid""",
    "triggers": """
        select pg_get_triggerdef(t.oid), obj_description(t.oid, 'pg_trigger')
        from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = n.oid and not t.tgisinternal""",
    "views": """
        select c.relname, pg_get_viewdef(c.oid)
        from pg_class c where c.relnamespace = n.oid and c.relkind = 'v'""",
    "types": """
        select t.typname, t.typtype::text
        from pg_type t where t.typnamespace = n.oid and t.typrelid = 0 and t.typelem = 0""",
    "schema": """
        select (select array_agg(a::text order by a::text) from unnest(n.nspacl) a)::text,
               obj_description(n.oid, 'pg_namespace')""",
}


def catalog(connection: psycopg.Connection, schema: str) -> dict[str, list[str]]:
    """Every part of the schema, one text for each object; alembic's bookkeeping is left out.

    The schema is renamed for the moment, so that its own name makes no difference.
    """
    found: dict[str, list[str]] = {}
    with connection.transaction(force_rollback=True):
        connection.execute(
            sql.SQL("alter schema {} rename to {}").format(sql.Identifier(schema), sql.Identifier(_NAME))
        )
        connection.execute("set local search_path to pg_catalog")
        pinned = f"search_path TO {sql.Literal(schema).as_string(connection).strip()}"
        for part, query in _PARTS.items():
            ours = f"select part.* from pg_namespace n, lateral ({query}) part where n.nspname = '{_NAME}'"
            rows = connection.execute(ours.encode())
            texts = [" | ".join(str(value) for value in row) for row in rows]
            found[part] = sorted(
                text.replace(pinned, "search_path TO ITSELF")
                for text in texts
                if "alembic_version" not in text
            )
    return found
