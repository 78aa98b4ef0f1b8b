"""declare_functions: what documents may call by name."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.refusals import refused

DECLARE = "select pgworker.declare_functions(%s::text[])"


def test_it_returns_all_names_that_are_known_and_keeps_who_was_first(connection: psycopg.Connection) -> None:
    assert connection.execute(DECLARE, [["b", "a", "b"]]).fetchone() == (["a", "b"],)
    before = connection.execute("select * from pgworker.functions").fetchall()
    assert connection.execute(DECLARE, [["c", "a"]]).fetchone() == (["a", "b", "c"],)
    assert connection.execute("select pgworker.declare_functions()").fetchone() == (["a", "b", "c"],)
    assert set(before) <= set(connection.execute("select * from pgworker.functions").fetchall())


@pytest.mark.parametrize("name", ["", "a b", "a:1@b", "https://x/y", "1a", "a\n", "x" * 101, None])
def test_a_name_that_no_document_could_call_is_refused_and_nothing_is_declared(
    connection: psycopg.Connection, name: str | None
) -> None:
    with refused("PW001", "no function can be called"):
        connection.execute(DECLARE, [["good", name]])
    assert connection.execute("select pgworker.declare_functions()").fetchone() == ([],)
