"""WebSocket: each frame is a message. Frames have no headers, and nothing acknowledges them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp

from pgworker.activities.asyncapi.broker import communication
from pgworker.activities.asyncapi.http import http_request
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.hosts import host_of
from pgworker.activities.http import HttpCaller
from pgworker.activities.redaction import Redaction
from pgworker.activities.request import Request
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

_ERRORS = (aiohttp.ClientError, OSError)
_CLOSE_SECONDS = 1.0
_HEARTBEAT_SECONDS = 30.0


class WebSocketLink:
    """Connects for each activity anew: what was sent while nobody was connected is not received."""

    def __init__(self, http: HttpCaller, limit_bytes: int) -> None:
        self._http = http
        self._limit = limit_bytes

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``; the headers of the message are those of the request that connects."""
        request = http_request(contact, "GET", dict(message.headers))
        async with (
            self._http.hosts.slot(host_of(request.url)),
            self._connected(request, contact.authentication) as (socket, _),
        ):
            try:
                await socket.send_str(message.body.decode())
            except _ERRORS as error:
                raise communication(f"{request} broke", error) from error
        return None

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Frames]:
        """See ``Link``."""
        asked = http_request(contact, "GET", {})
        async with self._connected(asked, contact.authentication) as (socket, request):
            yield _Frames(socket, str(request), request.redaction)

    @asynccontextmanager
    async def _connected(
        self, request: Request, authentication: JsonValue
    ) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Request]]:
        session, request = await self._http.opened(request, authentication)
        try:
            socket = await session.ws_connect(
                request.url,
                headers=request.headers,
                max_msg_size=self._limit,
                heartbeat=_HEARTBEAT_SECONDS,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
            )
        except aiohttp.WSServerHandshakeError as error:
            detail = f"{request} was answered with {error.status}, and not by a WebSocket"
            raise Fault(FaultKind.COMMUNICATION, detail, status=error.status) from error
        except _ERRORS as error:
            raise communication(f"{request} failed", error) from error
        try:
            if socket._response.history:  # the library has followed them without being asked to
                detail = f"{request} was answered by a redirect, which is not followed"
                raise Fault(FaultKind.COMMUNICATION, detail, status=socket._response.history[0].status)
            yield socket, request
        finally:
            # the library's own limit begins anew with each message of a peer that goes on sending
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await socket.close()


class _Frames:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, where: str, redaction: Redaction) -> None:
        self._socket = socket
        self._where = where
        self.redaction = redaction

    async def next(self) -> Inbound:
        frame = await self._socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            return Inbound(frame.data.encode())
        if frame.type is aiohttp.WSMsgType.BINARY:
            return Inbound(frame.data)
        raise Fault(FaultKind.COMMUNICATION, f"{self._where} was closed before there were enough messages")

    async def acknowledge(self) -> None:
        """There is nothing to tell."""
