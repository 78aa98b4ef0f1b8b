"""Writes the frozen SQL of a new revision: ``python migrations/freeze.py 0002``.

What a revision does to tables is written by hand, in ``frozen/tables/REVISION.sql``; files of new tables are
named there by lines ``-- with tables/NAME.sql`` and copied in. Functions, triggers, views and grants are
replaced, in their places, by what ``sql/`` says today: whatever others built on them goes on. What cannot be
replaced so (functions with other parameters or results, views whose columns moved or went, what is no longer
there) is dropped by hand in that file, without ``cascade``. A published revision is never frozen again.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FROZEN = ROOT / "migrations" / "frozen"


def frozen(revision: str) -> str:
    """The revision's script."""
    tables = (FROZEN / "tables" / f"{revision}.sql").read_text()
    tables = re.sub(
        r"^-- with (\S+)$", lambda found: (ROOT / "sql" / found[1]).read_text(), tables, flags=re.MULTILINE
    )
    order = (ROOT / "sql" / "order.txt").read_text().splitlines()
    code = [line for line in order if line and not line.startswith(("#", "tables/"))]
    script = "\n".join([tables, *((ROOT / "sql" / name).read_text() for name in code)])
    return re.sub(r"^create (function|trigger|view) ", r"create or replace \1 ", script, flags=re.MULTILINE)


if __name__ == "__main__":
    (FROZEN / f"{sys.argv[1]}.sql").write_text(frozen(sys.argv[1]))
