"""Listening is proven where it is another connection's business."""

from __future__ import annotations

import pytest

from pgworker.store.database import Database
from pgworker.store.listening import NotHeard, notifications, prove_listening
from tests.support.server import Server


async def test_a_listening_url_of_another_database_is_noticed(direct_url: str, server: Server) -> None:
    elsewhere = Database(direct_url, listen_url=server.url("postgres"))
    with pytest.raises(NotHeard, match="do not arrive"):
        await prove_listening(elsewhere)
    with pytest.raises(NotHeard, match="do not arrive"):
        await anext(notifications(elsewhere))


async def test_a_listening_url_of_the_same_database_is_proven(direct_url: str) -> None:
    await prove_listening(Database(direct_url, listen_url=direct_url))
