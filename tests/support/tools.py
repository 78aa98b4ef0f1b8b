"""An MCP server of the official package: over HTTP beside the tests, or over stdio as a program."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "tests.support.tools"]


def server() -> MCPServer:
    """A server with a few tools, a prompt and resources."""
    tools = MCPServer("tools of the tests")

    @tools.tool()
    async def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    @tools.tool()
    async def told(context: Context) -> str:
        """The idempotency key that the call carries."""
        meta: Any = context.request_context.meta or {}
        return str(meta.get("pgworker/idempotency-key"))

    @tools.tool()
    async def refuse() -> str:
        """Says no in the protocol's own way."""
        raise MCPError(-32050, "not today")

    @tools.tool()
    async def fail() -> str:
        """Fails as tools fail."""
        raise ValueError("the tool is broken")

    @tools.tool()
    async def wait() -> str:
        """Takes long."""
        await asyncio.sleep(30)
        return "late"

    @tools.tool()
    async def much() -> str:
        """Says a lot."""
        return "x" * 3_000_000

    @tools.tool()
    async def environment() -> list[str]:
        """The names in the environment."""
        return sorted(os.environ)

    @tools.tool()
    async def memory() -> int:
        """The limit to its data, in bytes."""
        return resource.getrlimit(resource.RLIMIT_DATA)[0]

    @tools.tool()
    async def echo(text: str) -> str:
        """Says it again."""
        return text

    @tools.tool()
    def child() -> int:
        """Starts a process that would outlive the server."""
        return subprocess.Popen(["sleep", "60"]).pid

    @tools.prompt()
    async def greet(name: str) -> str:
        """A greeting."""
        return f"Greet {name}."

    @tools.resource("note://today")
    async def today() -> str:
        """A resource."""
        return "sunny"

    @tools.resource("note://{day}/weather")
    async def weather(day: str) -> str:
        """A template of resources."""
        return f"rain on {day}"

    return tools


@dataclass
class Tools:
    """A server over HTTP, and the headers of the requests that it got."""

    port: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/mcp"


@asynccontextmanager
async def serving(*, streams: bool = True) -> AsyncIterator[Tools]:
    """The server over streamable HTTP, on a free port of 127.0.0.1; without streams it answers in JSON."""
    tools = Tools()
    application = server().streamable_http_app(json_response=not streams)

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            tools.methods.append(scope["method"])
            tools.seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await application(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    tools.port = listening.getsockname()[1]
    config = uvicorn.Config(noting, log_level="critical", timeout_graceful_shutdown=1, ws="none")
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    try:
        while not running.started:  # noqa: ASYNC110 - it tells in no other way
            await asyncio.sleep(0.01)
        yield tools
    finally:
        running.should_exit = True
        await task
        listening.close()


if __name__ == "__main__":
    server().run(transport="stdio")
