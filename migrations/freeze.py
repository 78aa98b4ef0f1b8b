"""Writes the frozen SQL of a new revision: ``python migrations/freeze.py 0002``.

What a revision does to tables is written by hand, in ``frozen/tables/REVISION.sql``; files of new tables are
named there by lines ``-- with tables/NAME.sql`` and copied in. Functions, triggers, views and grants are
replaced as a whole by what ``sql/`` says today. A published revision is never frozen again.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FROZEN = ROOT / "migrations" / "frozen"

DROP_CODE = """
do $$
declare
    v_object text;
begin
    for v_object in
        select format('drop view %s cascade', c.oid::regclass) from pg_class c
        where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind = 'v'
        union all
        select format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
        from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = quote_ident(current_schema())::regnamespace and not t.tgisinternal
        union all
        select format('drop function %s cascade', p.oid::regprocedure) from pg_proc p
        where p.pronamespace = quote_ident(current_schema())::regnamespace
    loop
        begin
            execute v_object;
        exception
            when undefined_function or undefined_table then
                null;  -- it went with another
        end;
    end loop;
end
$$;
"""


def frozen(revision: str) -> str:
    """The revision's script."""
    tables = (FROZEN / "tables" / f"{revision}.sql").read_text()
    tables = re.sub(
        r"^-- with (\S+)$", lambda found: (ROOT / "sql" / found[1]).read_text(), tables, flags=re.MULTILINE
    )
    order = (ROOT / "sql" / "order.txt").read_text().splitlines()
    code = [line for line in order if line and not line.startswith(("#", "tables/"))]
    return "\n".join([tables, DROP_CODE, *((ROOT / "sql" / name).read_text() for name in code)])


if __name__ == "__main__":
    (FROZEN / f"{sys.argv[1]}.sql").write_text(frozen(sys.argv[1]))
