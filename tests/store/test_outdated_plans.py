"""Connections that have prepared what a migration changes."""

from __future__ import annotations

import psycopg
import pytest

from pgworker.client import Client
from pgworker.errors import DatabaseUnavailable
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.store.pool import open_pool


async def test_a_workers_pool_offers_no_connection_with_outdated_plans(
    direct_url: str, connection: psycopg.Connection
) -> None:
    connection.execute("create view changing as select 1 as a")

    async with open_pool(Database(direct_url), "test", size=1, watched=True) as pool:

        async def columns() -> int:
            with translated():
                async with pool.connection() as pooled:
                    cursor = await pooled.execute("select * from changing")
                    return len(cursor.description or ())

        assert [await columns() for _ in range(3)] == [1, 1, 1]
        connection.execute("create or replace view changing as select 1 as a, 2 as b")
        with pytest.raises(DatabaseUnavailable, match="cached plan"):
            await columns()
        assert await columns() == 2


async def test_a_client_sees_the_new_columns_of_a_view(
    direct_url: str, connection: psycopg.Connection
) -> None:
    async with Client(direct_url, "pgworker") as client:
        for _ in range(3):
            assert "more" not in (await client.health())[0]
        (text,) = connection.execute("select pg_get_viewdef('pgworker.health'::regclass)").fetchone() or ("",)
        changed = f"create or replace view pgworker.health as select h.*, 1 as more from ({text[:-1]}) h"
        connection.execute(changed.encode())
        for _ in range(3):
            assert "more" in (await client.health())[0]
