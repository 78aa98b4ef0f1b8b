"""As much of HTTP/1.1 as a container engine needs, with connections that leave it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_PHRASES = {101: "UPGRADED", 200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``body`` is the value that its JSON names."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Exchange:
    """A request and the ways to answer it; a connection carries one."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.reader = reader
        self._writer = writer

    async def answer(self, status: int, value: object = None) -> None:
        """Answers with a value, or with nothing."""
        content = b"" if value is None else json.dumps(value).encode()
        await self._head(status, "Content-Type: application/json", f"Content-Length: {len(content)}")
        await self._write(content)

    async def begin(self, content_type: str) -> None:
        """Begins an answer that comes in chunks."""
        await self._head(200, f"Content-Type: {content_type}", "Transfer-Encoding: chunked")

    async def chunk(self, content: bytes) -> None:
        """Sends a chunk; an empty one is the end."""
        await self._write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    async def upgrade(self) -> None:
        """Leaves HTTP: what comes from now on is for ``reader``'s owner."""
        content_type = "Content-Type: application/vnd.docker.raw-stream"
        await self._head(101, content_type, "Connection: Upgrade", "Upgrade: tcp")

    async def _head(self, status: int, *headers: str) -> None:
        line = f"HTTP/1.1 {status} {_PHRASES.get(status, 'Refused')}"
        closing = () if status == 101 else ("Connection: close",)
        await self._write("\r\n".join((line, *headers, *closing, "", "")).encode())

    async def _write(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()


Handler = Callable[[Exchange], Awaitable[None]]


async def serve(path: str, handler: Handler) -> asyncio.Server:
    """Serves on a Unix socket."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(Exchange(await _request(reader), reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # who asked has gone
        finally:
            writer.close()

    return await asyncio.start_unix_server(connected, path)


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Request(
        method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, json.loads(body) if body else None
    )
