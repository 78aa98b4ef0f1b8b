"""Where the SQL and the migrations lie: inside the package when installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from pgworker.errors import PgworkerError

_PACKAGE = Path(__file__).resolve().parent


def sql_dir() -> Path:
    """The folder of SQL files, one database object each.

    >>> sql_dir().is_dir()
    True
    """
    return _find("sql")


def migrations_dir() -> Path:
    """The folder that alembic takes as its ``script_location``.

    >>> migrations_dir().is_dir()
    True
    """
    return _find("migrations")


def _find(name: str) -> Path:
    # A wheel carries it as pgworker/_<name>; in a checkout (an editable install) it stands at the top.
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise PgworkerError(
        f"this installation of pgworker lacks its folder {name}/",
        hint="install the distribution pgworker-engine again, from a wheel or a whole checkout",
    )
