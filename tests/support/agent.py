"""A small A2A agent: a card, JSON-RPC over HTTP, and streams of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.serving import serving


@dataclass
class Agent:
    """Answers as its methods say, and remembers what it was asked."""

    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    lingers: float = 0.0
    """How long a stream is left open after its last event."""

    @property
    def url(self) -> str:
        """Where it speaks JSON-RPC."""
        return f"http://127.0.0.1:{self.port}/rpc"

    @property
    def card_url(self) -> str:
        """Where its card is."""
        return f"http://127.0.0.1:{self.port}/.well-known/agent-card.json"

    async def show_card(self, request: web.Request) -> web.Response:
        """The card."""
        return web.json_response(self.card)

    async def rpc(self, request: web.Request) -> web.StreamResponse:
        """One request of JSON-RPC."""
        asked = await request.json()
        self.seen.append(asked)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if asked["method"] in ("message/stream", "tasks/resubscribe"):
            return await self._stream(request, asked)
        return web.json_response(self._answer(asked))

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        parameters = asked.get("params", {})
        match asked["method"]:
            case "message/send":
                parts = parameters["message"]["parts"]
                task = {"id": f"task-{len(self.tasks) + 1}", "kind": "task", "status": {"state": "completed"}}
                self.tasks[str(task["id"])] = task | {"artifacts": [{"parts": parts}]}
                return _result(asked, self.tasks[str(task["id"])])
            case "tasks/get" if parameters["id"] in self.tasks:
                return _result(asked, self.tasks[parameters["id"]])
            case "tasks/get":
                return _error(asked, -32001, f"Task not found: {parameters['id']}")
            case "tasks/list":
                return _result(asked, {"tasks": list(self.tasks.values())})
            case _:
                return _error(asked, -32601, "Method not found")

    async def _stream(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        states = ["submitted", "working", "completed"]
        for state in states if asked["params"].get("id") != "broken" else states[:1]:
            event = {"kind": "status-update", "status": {"state": state}, "final": state == states[-1]}
            await response.write(f": {state}\n\ndata: {json.dumps(_result(asked, event))}\n\n".encode())
        if asked["params"].get("id") == "broken":
            error = json.dumps(_error(asked, -32603, "broken"), indent=1).replace("\n", "\ndata: ")
            await response.write(f"data: {error}\r\n\r\n".encode())
        await asyncio.sleep(self.lingers)
        return response


def _result(asked: dict[str, Any], result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"], "result": result}


def _error(asked: dict[str, Any], code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": code, "message": message}}


@asynccontextmanager
async def agent_at_work() -> AsyncIterator[Agent]:
    """The agent on a free port of 127.0.0.1."""
    agent = Agent()
    application = web.Application()
    application.router.add_get("/.well-known/agent-card.json", agent.show_card)
    application.router.add_post("/rpc", agent.rpc)
    async with serving(application) as agent.port:
        agent.card = {"name": "Reporter", "url": agent.url, "preferredTransport": "JSONRPC"}
        yield agent
