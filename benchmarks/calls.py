"""The raw limit of HTTP calls: one process that calls and remembers nothing."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from benchmarks.report import Row, median_row


def call_limit(url: str, seconds: float, repeat: int, at_once: int) -> Row:
    """Calls a second of the bare HTTP client, so many at once."""
    samples = [asyncio.run(_run(f"{url}/item", seconds, at_once)) for _ in range(repeat)]
    return median_row(f"bare HTTP client, {at_once} at once", "calls/s", samples, is_limit=True)


async def _run(url: str, seconds: float, at_once: int) -> float:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as session:
        began = time.perf_counter()
        counts = await asyncio.gather(*(_call(session, url, began + seconds) for _ in range(at_once)))
        return sum(counts) / (time.perf_counter() - began)


async def _call(session: aiohttp.ClientSession, url: str, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        async with session.get(url) as response:
            await response.json()
        count += 1
    return count
