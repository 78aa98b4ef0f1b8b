"""Examples that call a gRPC service and an MCP server, and these two as the examples expect them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer

from tests.conformance.official.case import Case, Completes, fails
from tests.support.greeter import MOOD, PROTO, greeting

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "xoxp-xv6Cv3jKqNW8esm5YnsftKwIzoQHUzAP"
POSTED = "text/markdown to C1234567890, 1623456789.123456: Hello, world! :wave:"

CASES = [
    Case(
        example="call-grpc",
        what="the service of the proto file is called with the arguments",
        input={"user": {"preferredDisplayName": "Anna"}},
        ends=Completes({"message": "Hello Anna", "letters": "4"}),
    ),
    Case(
        example="call-grpc",
        what="a service that says no fails the call",
        input={"user": {"preferredDisplayName": "code PERMISSION_DENIED no"}},
        ends=fails("authorization", 403, "/do/0/greet"),
    ),
    Case(
        example="call-grpc",
        what="arguments that are not those of the method fail the call",
        input={"user": {"preferredDisplayName": 7}},
        ends=fails("validation", 400, "/do/0/greet"),
    ),
    Case(
        example="call-mcp",
        what="the command is started with its environment, and its tool is called",
        ends=Completes(
            {
                "content": [{"type": "text", "text": POSTED}],
                "structuredContent": {"result": POSTED},
                "isError": False,
            }
        ),
    ),
]


@asynccontextmanager
async def remote(folder: Path) -> AsyncIterator[Mapping[str, Any]]:
    """Serves them, and yields the settings of a worker that finds them; `npx` is the server itself."""
    protos, programs = folder / "resources", folder / "programs"
    (protos / "app" / "shared").mkdir(parents=True)
    (protos / "app" / "greet.proto").write_text(PROTO)
    (protos / "app" / "shared" / "mood.proto").write_text(MOOD)
    programs.mkdir()
    npx = programs / "npx"
    program = shlex.join([sys.executable, "-m", "tests.conformance.official.remote"])
    npx.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {program} "$@"\n')
    npx.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}{os.pathsep}{before}"
    try:
        async with greeting() as greeter:
            yield {
                "http_connect_to": f"localhost:5011:127.0.0.1:{greeter.port}",
                "resources_dir": protos,
                "run_allow": "shell",
            }
    finally:
        os.environ["PATH"] = before


def slack() -> MCPServer:
    """The one tool that the example calls."""
    server = MCPServer("slack")

    @server.tool()
    def conversations_add_message(channel_id: str, thread_ts: str, payload: str, content_type: str) -> str:
        """Posts a message."""
        return f"{content_type} to {channel_id}, {thread_ts}: {payload}"

    return server


if __name__ == "__main__":
    assert sys.argv[2:] == ["--transport", "stdio"]
    assert os.environ["SLACK_MCP_XOXP_TOKEN"] == TOKEN
    slack().run(transport="stdio")
