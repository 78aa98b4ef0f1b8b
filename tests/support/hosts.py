"""Other people's hosts on loopback: a service that answers in their names, with certificates of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.certificates import Authority


@asynccontextmanager
async def hosted(
    application: web.Application, folder: Path, secure: Sequence[str], plain: Sequence[str] = ()
) -> AsyncIterator[Mapping[str, Any]]:
    """Serves as these hosts, over TLS as ``secure`` and without as ``plain``, each at its usual port.

    Yields the settings of a worker that takes it for the outside world.
    """
    authority = Authority(folder / "authority.pem")
    # who calls and hangs up has its handler cancelled, as a service would have it
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        places: list[str] = []
        for hosts, port in ((secure, 443), (plain, 80)):
            if not hosts:
                continue
            tls = authority.context_for(*hosts) if port == 443 else None
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            here = f"127.0.0.1:{runner.addresses[-1][1]}"
            places += [f"{host}:{port}:{here}" for host in hosts]
        yield {
            "http_connect_to": ",".join(places),
            "http_allow_private": "127.0.0.0/8",
            "ca_file": authority.file,
        }
    finally:
        await runner.cleanup()
