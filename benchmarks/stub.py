"""What HTTP calls are measured against: a service that answers at once. ``python -m benchmarks.stub``.

It prints its port, and ends when it is told to by SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal

from aiohttp import web

_ANSWER = b'{"sku": "book", "available": 5, "price": 12}'


async def _answer(request: web.BaseRequest) -> web.Response:
    return web.Response(body=_ANSWER, content_type="application/json")


async def _serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = web.ServerRunner(web.Server(_answer))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())
