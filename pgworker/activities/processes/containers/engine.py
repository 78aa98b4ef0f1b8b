"""The container engine: what is asked of it, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson

from pgworker.activities.media import printable
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

_CONNECT_SECONDS = 5.0
_SCHEME = "unix://"
_BASE = "http://localhost"


def socket_of(host: str | None) -> str:
    """The path of the engine's socket: what ``DOCKER_HOST`` says, or the first of the usual ones.

    Raises ``Fault`` (configuration) if there is none.
    """
    if host:
        if not host.startswith(_SCHEME):
            raise Fault(
                FaultKind.CONFIGURATION, f"the container engine is found at {_SCHEME}PATH, not at {host!r}"
            )
        return host.removeprefix(_SCHEME)
    own = os.environ.get("XDG_RUNTIME_DIR")
    usual = ["/var/run/docker.sock", "/run/podman/podman.sock"]
    usual += [f"{own}/docker.sock", f"{own}/podman/podman.sock"] if own else []
    for path in usual:
        if Path(path).is_socket():
            return path
    raise Fault(
        FaultKind.CONFIGURATION,
        f"no container engine listens at {', '.join(usual)}; DOCKER_HOST may name one",
    )


class EngineRefused(Exception):
    """The engine answered with a status that says no."""

    def __init__(self, asked: str, status: int, message: str) -> None:
        super().__init__(message)
        self.asked = asked
        self.status = status
        self.message = message

    def fault(self) -> Fault:
        """What a workflow's author is told."""
        return Fault(
            FaultKind.COMMUNICATION,
            f"the container engine answered {self.asked} with {self.status}: {self.message}",
            status=self.status,
        )


class Engine:
    """Speaks the HTTP API that Docker and Podman share. Has to be closed.

    Every call raises ``EngineRefused`` for a status from 400, and ``Fault`` (communication) if the engine
    cannot be reached.
    """

    def __init__(self, socket: str) -> None:
        self.socket = socket
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=socket, limit=0), timeout=timeout
        )

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()

    async def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: JsonValue = None
    ) -> JsonValue:
        """The value that the engine answers with; None for an empty answer."""
        async with self.stream(method, path, query, body) as response:
            content = await response.read()
        return orjson.loads(content) if content.strip() else None

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: JsonValue = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer, of which nothing is read yet."""
        asked = f"{method} {path}"
        try:
            async with self._session.request(method, _BASE + path, params=query, json=body) as response:
                if response.status >= 400:
                    raise EngineRefused(asked, response.status, _message(await response.read()))
                yield response
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self.unreachable(asked, error) from error

    def unreachable(self, asked: str, error: Exception) -> Fault:
        """The fault of an engine that does not answer, or not in its own language."""
        what = "in time" if isinstance(error, asyncio.TimeoutError) else printable(str(error))
        return Fault(
            FaultKind.COMMUNICATION, f"the container engine at {self.socket} did not answer {asked}: {what}"
        )


def _message(content: bytes) -> str:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = None
    message = value.get("message") if isinstance(value, dict) else None
    return printable(message if isinstance(message, str) else content.decode("utf-8", "replace"))
