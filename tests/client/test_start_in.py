"""Starting a workflow in the caller's own transaction."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import dict_row, namedtuple_row, scalar_row

from pgworker.client import Client, start_in
from pgworker.errors import NotFound

HELLO = """
document: {dsl: '1.0.3', namespace: default, name: hello, version: '1.0.0'}
do:
  - greet: {set: {greeting: hello}}
"""


@pytest.fixture
async def defined(database_url):
    async with Client(database_url, "pgworker") as client:
        await client.define(HELLO)
    return database_url


async def test_the_workflow_begins_with_the_callers_commit(defined, connection):
    with psycopg.connect(defined) as mine:
        workflow_id = start_in(mine, "hello", {"a": 1}, labels={"team": "blue"})
        assert connection.execute("select count(*) from pgworker.workflows").fetchone() == (0,)
    assert connection.execute("select id::text, input, labels from pgworker.workflows").fetchall() == [
        (workflow_id, {"a": 1}, {"team": "blue"})
    ]


async def test_a_rollback_takes_the_workflow_back(defined, connection):
    with psycopg.connect(defined) as mine:
        start_in(mine, "hello")
        mine.rollback()
    assert connection.execute("select count(*) from pgworker.workflows").fetchone() == (0,)


async def test_an_async_connection_is_awaited(defined, connection):
    async with await psycopg.AsyncConnection.connect(defined) as mine:
        workflow_id = await start_in(mine, "hello", idempotency_key="k")
        assert await start_in(mine, "hello", idempotency_key="k") == workflow_id
    assert connection.execute("select id::text from pgworker.workflows").fetchall() == [(workflow_id,)]


@pytest.mark.parametrize("rows", [dict_row, namedtuple_row, scalar_row])
async def test_the_connection_may_have_rows_of_any_kind(defined, rows):
    with psycopg.connect(defined, row_factory=rows) as mine:
        assert len(start_in(mine, "hello")) == 36


@pytest.mark.parametrize("cursors", [psycopg.RawCursor, psycopg.ClientCursor])
async def test_the_connection_may_have_cursors_of_any_kind(defined, cursors):
    with psycopg.connect(defined, cursor_factory=cursors) as mine:
        assert len(start_in(mine, "hello")) == 36


async def test_what_is_not_defined_is_not_found(defined):
    with psycopg.connect(defined) as mine, pytest.raises(NotFound, match="default/nobody"):
        start_in(mine, "nobody")
