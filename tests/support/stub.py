"""A service that workflows call, in a process of its own, and what it saw.

Every call is an effect: before it is answered it is counted for its ``Idempotency-Key`` and written, durably,
to a ledger. So the ledger is the truth about the outside world, whatever the database says.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Effect:
    """One call that arrived: its number, its key, what the author called the activity, and where it went."""

    effect: int
    key: str
    activity: str
    path: str


class Stub:
    """The service as a test sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stub"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self._ledger = Path()

    def begin(self, ledger: Path) -> None:
        """Starts counting anew, into a new ledger."""
        self._ledger = ledger
        request = urllib.request.Request(f"{self.url}/_begin", data=str(ledger).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def effects(self, path: str = "") -> list[Effect]:
        """Every call so far, in the order of arrival; only those to ``path`` if one is given."""
        if not self._ledger.exists():
            return []
        lines = self._ledger.read_text().splitlines()
        return [one for one in (Effect(**json.loads(line)) for line in lines) if one.path.startswith(path)]

    def keys(self, path: str = "") -> Counter[str]:
        """How many calls there were for each ``Idempotency-Key``."""
        return Counter(effect.key for effect in self.effects(path))

    def close(self) -> None:
        """Ends it."""
        self._process.communicate(timeout=10)


class _Service:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._effects = 0
        self._first: dict[str, str] = {}
        self._ledger: int | None = None

    async def begin(self, request: web.Request) -> web.Response:
        if self._ledger is not None:
            os.close(self._ledger)
        self._ledger = os.open(await request.text(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._counts.clear()
        self._first.clear()
        return web.Response()

    def effect(self, request: web.Request) -> dict[str, Any]:
        """Takes note of a call, durably."""
        key = request.headers.get("Idempotency-Key", "")
        self._effects += 1
        self._counts[key] += 1
        line = {
            "effect": self._effects,
            "key": key,
            "activity": request.headers.get("X-Activity", ""),
            "path": request.path,
        }
        if self._ledger is not None:
            os.write(self._ledger, json.dumps(line).encode() + b"\n")
            os.fsync(self._ledger)
        return {"key": key, "count": self._counts[key], "effect": self._effects}

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response(self.effect(request))

    async def echo(self, request: web.Request) -> web.Response:
        self.effect(request)
        return web.json_response(
            {
                "method": request.method,
                "query": dict(request.query),
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": await request.text(),
            },
            headers={"X-Stub": "yes"},
        )

    async def slow(self, request: web.Request) -> web.Response:
        seen = self.effect(request)
        await asyncio.sleep(int(request.query["ms"]) / 1000)
        return web.json_response(seen)

    async def status(self, request: web.Request) -> web.Response:
        self.effect(request)
        return web.json_response({"told": "no"}, status=int(request.match_info["status"]))

    async def flaky(self, request: web.Request) -> web.Response:
        """Says no to the first activity ``of`` somebody, however often that comes, and yes to later ones."""
        seen = self.effect(request)
        refused = self._first.setdefault(request.query["of"], str(seen["key"])) == seen["key"]
        return web.json_response(seen, status=503 if refused else 200)

    async def nul(self, request: web.Request) -> web.Response:
        self.effect(request)
        return web.Response(text='{"inner": {"text": "a\\u0000b"}}', content_type="application/json")

    async def nan(self, request: web.Request) -> web.Response:
        self.effect(request)
        return web.Response(text='{"inner": [1, NaN]}', content_type="application/json")

    async def text(self, request: web.Request) -> web.Response:
        self.effect(request)
        return web.Response(text="plain text")

    async def big(self, request: web.Request) -> web.Response:
        self.effect(request)
        return web.Response(text=json.dumps({"big": "x" * 10_000_000}), content_type="application/json")


async def _serve() -> None:
    service = _Service()
    app = web.Application()
    app.router.add_post("/_begin", service.begin)
    for path, handler in {
        "/count": service.count,
        "/echo": service.echo,
        "/slow": service.slow,
        "/status/{status}": service.status,
        "/flaky": service.flaky,
        "/nul": service.nul,
        "/nan": service.nan,
        "/text": service.text,
        "/big": service.big,
    }.items():
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # the end of its input is the end of it, however slow an answer is under way


if __name__ == "__main__":
    asyncio.run(_serve())
