"""The status page: whether a worker lives, whether it is ready, and its metrics, over HTTP."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

from aiohttp import web

from pgworker.telemetry import log
from pgworker.worker.breaker import Breaker
from pgworker.worker.ports import unusable

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

_CONNECTIONS = 20
"""So many are open at a time; one more closes the oldest, which others may have opened to use them all up."""


@asynccontextmanager
async def status_page(
    host: str, ports: range, *, breaker: Breaker, metrics: Callable[[], bytes] | None
) -> AsyncIterator[int]:
    """Serves ``/livez``, ``/readyz`` and ``/metrics`` on the first of the ports that is free, and gives it.

    That there is an answer says that the worker lives: its own loop gives it. It is ready when it has a
    session with the database. Raises ``SettingsError`` if no port is free.
    """
    application = web.Application()
    application.router.add_get("/livez", lambda _: _told("alive"))
    application.router.add_get("/readyz", lambda _: _ready(breaker))
    if metrics is not None:
        application.router.add_get("/metrics", lambda _: _metrics(metrics))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    assert runner.server is not None
    try:
        listening = await _listen(runner.server, host, ports)
        with closing(listening):
            port = int(listening.sockets[0].getsockname()[1])
            log.info("status page", host=host, port=port)
            yield port
    finally:
        await runner.cleanup()


async def _listen(server: web.Server, host: str, ports: range) -> asyncio.Server:
    for port in ports:
        try:
            return await asyncio.get_running_loop().create_server(lambda: _accept(server), host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port != ports[-1]:
                continue  # another engine process of this supervisor has it
            raise unusable(host, ports, port, error) from error
    raise AssertionError("there is at least one port")


def _accept(server: web.Server) -> web.RequestHandler:
    # many come in one turn of the loop, and are known to the server in the next
    asyncio.get_running_loop().call_later(0, _close_oldest, server)
    return server()


def _close_oldest(server: web.Server) -> None:
    for oldest in server.connections[:-_CONNECTIONS]:
        oldest.force_close()


async def _ready(breaker: Breaker) -> web.Response:
    return await (_told("ready") if breaker.is_closed else _told(f"not ready: {breaker}", 503))


async def _told(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f"{text}\n", status=status)


async def _metrics(metrics: Callable[[], bytes]) -> web.Response:
    return web.Response(body=metrics(), headers={"Content-Type": TEXT_FORMAT})
