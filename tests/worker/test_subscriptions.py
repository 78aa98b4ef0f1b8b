"""Subscriptions that do something with each message, by workers that may die in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import psycopg
from aiohttp import web

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.support.workflows import define, has_ended, start, types

USE = {"functions": {"nap": {"wait": {"milliseconds": 100}}}}


class Feed:
    """Sends one number after the other to whoever is connected, and never one twice."""

    def __init__(self) -> None:
        self.connections = 0
        self._numbers = count(1)

    async def talk(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        while not socket.closed and request.transport is not None:
            await socket.send_json(next(self._numbers))
            await asyncio.sleep(0.05)
        return socket

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[Feed]:
        """Serves it, and writes the document that describes it."""
        application = web.Application()
        application.router.add_get("/news", self.talk)
        async with serving(application) as port:
            described = {
                "asyncapi": "3.0.0",
                "servers": {"it": {"host": f"127.0.0.1:{port}", "protocol": "ws"}},
                "channels": {"news": {"address": "/news"}},
                "operations": {"news": {"action": "send", "channel": {"$ref": "#/channels/news"}}},
            }
            (folder / "news.json").write_text(json.dumps(described))
            yield self


def news(amount: int) -> dict[str, object]:
    body = [{"nap": {"call": "nap"}}, {"told": {"set": "${ [$item.payload, $index] }"}}]
    subscription = {"consume": {"amount": amount}, "foreach": {"do": body}}
    document = {"endpoint": "file://news.json"}
    return {
        "call": "asyncapi",
        "with": {"document": document, "operation": "news", "subscription": subscription},
    }


async def test_nothing_is_missed_between_two_messages(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    async with Feed().open(tmp_path) as feed:
        worker_process(resources_dir=tmp_path)
        define(connection, [{"news": news(5)}], use=USE)
        row = await has_ended(connection, start(connection))
    assert row["output"] == [[number, number - 1] for number in range(1, 6)], row["error"]
    assert feed.connections == 1
    assert violations(connection) == []


async def test_another_worker_goes_on_with_the_next_message(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    async with Feed().open(tmp_path) as feed:
        first = worker_process(resources_dir=tmp_path, lease_seconds=1)
        define(connection, [{"news": news(4)}], use=USE)
        started = start(connection)
        await eventually(
            lambda: types(connection, started).count("message.received") >= 2, what="two messages"
        )
        first.kill()
        worker_process(resources_dir=tmp_path, lease_seconds=1)
        row = await has_ended(connection, started)
    numbers = [number for number, _ in row["output"]]
    assert [index for _, index in row["output"]] == [0, 1, 2, 3]
    assert numbers[:2] == [1, 2]
    assert numbers == sorted(set(numbers))
    assert types(connection, started).count("message.received") == 4
    assert feed.connections == 2
    assert violations(connection) == []
