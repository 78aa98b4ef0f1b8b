"""The status page: whether a worker lives, whether it is ready, and its metrics, over HTTP."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from pgworker.telemetry import log
from pgworker.worker.breaker import Breaker
from pgworker.worker.ports import unusable

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


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
    try:
        port = await _listen(runner, host, ports)
        log.info("status page", host=host, port=port)
        yield port
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, ports: range) -> int:
    for port in ports:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port != ports[-1]:
                continue  # another engine process of this supervisor has it
            raise unusable(host, ports, port, error) from error
        return int(runner.addresses[0][1])
    raise AssertionError("there is at least one port")


async def _ready(breaker: Breaker) -> web.Response:
    return await (_told("ready") if breaker.is_closed else _told(f"not ready: {breaker}", 503))


async def _told(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f"{text}\n", status=status)


async def _metrics(metrics: Callable[[], bytes]) -> web.Response:
    return web.Response(body=metrics(), headers={"Content-Type": TEXT_FORMAT})
