"""Serving: an aiohttp application on a free port of 127.0.0.1, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext

from aiohttp import web


@asynccontextmanager
async def serving(application: web.Application, tls: SSLContext | None = None) -> AsyncIterator[int]:
    """Gives the port; whoever hangs up ends what is done for him, and nobody is waited for in the end."""
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
