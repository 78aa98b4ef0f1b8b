"""Statements that the database has to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest


@contextmanager
def refused(
    sqlstate: str, message: str | None = None, hint: str = ""
) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Expects an error with this SQLSTATE; ``message`` is a pattern, ``hint`` a part of the hint."""
    with pytest.raises(psycopg.Error, match=message) as caught:
        yield caught
    assert caught.value.sqlstate == sqlstate, caught.value
    assert hint in (caught.value.diag.message_hint or "")
