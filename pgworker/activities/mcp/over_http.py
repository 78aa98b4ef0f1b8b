"""MCP's streamable HTTP, on connections that obey the operator's policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import httpx2
from mcp.client.streamable_http import streamable_http_client
from multidict import CIMultiDict
from yarl import URL

from pgworker.activities import json_rpc
from pgworker.activities.body import BodyRefused, read_body
from pgworker.activities.http import HttpCaller
from pgworker.activities.media import JSON, Unreadable, content, essence, excerpt
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.progress import count
from pgworker.activities.request import Request
from pgworker.activities.trouble import trouble
from pgworker.errors import Fault, FaultKind

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_FAREWELL_SECONDS = 2.0
"""How long a server may take to hear that the session is over."""

_EXCERPT_BYTES = 64 * 1024
# These are the connection's, and it sets them itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


@asynccontextmanager
async def over_http(
    request: Request, http: HttpCaller, policy: HttpPolicy
) -> AsyncIterator[TransportStreams]:
    """The streams of a session at the request's URL, with its headers; raises ``Fault``."""
    transport = _Transport(request, http.session, policy)
    client = httpx2.AsyncClient(transport=transport, headers=dict(request.headers), timeout=None)
    try:
        async with client, streamable_http_client(str(request.url), http_client=client) as streams:
            yield streams
    except Exception as error:
        # what the library makes of it says less
        if transport.fault is not None:
            raise transport.fault from error
        raise


class _Transport(httpx2.AsyncBaseTransport):
    """Sends requests as ``call: http`` does, and remembers what went wrong with the first that failed."""

    def __init__(self, request: Request, session: aiohttp.ClientSession, policy: HttpPolicy) -> None:
        self.fault: Fault | None = None
        self._request = request
        self._session = session
        self._policy = policy

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response, whose body is read as it comes."""
        if request.method == "DELETE":
            async with asyncio.timeout(_FAREWELL_SECONDS):
                return await self._send(request)
        if request.method != "POST":
            # a server need not have a stream of its own
            return await self._send(request)
        try:
            return await self._send(request)
        except Fault as fault:
            self.fault = self.fault or fault
            raise

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=_headers(request),
                data=await request.aread() or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise trouble(self._request, error, self._policy.connect_timeout) from error
        try:
            return await self._response(request, response)
        except BaseException:
            response.close()
            raise

    async def _response(self, request: httpx2.Request, response: aiohttp.ClientResponse) -> httpx2.Response:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._trouble("its answer is compressed, which was not asked for")
        kept = [(name, text) for name, text in response.headers.items() if name.lower() not in _FRAMING]
        if response.status >= 400 and request.method == "POST":
            body = await self._refusal(response)
            return httpx2.Response(response.status, headers=kept, content=body, request=request)
        stream = _Body(self, response)
        return httpx2.Response(response.status, headers=kept, stream=stream, request=request)

    async def _refusal(self, response: aiohttp.ClientResponse) -> bytes:
        """The body of a status that says no, if it tells why in JSON-RPC."""
        try:
            body = await read_body(response, _EXCERPT_BYTES)
            is_json = essence(response.headers.get("Content-Type")) == JSON
            told = is_json and json_rpc.is_error(content(body, JSON))
        except (BodyRefused, Unreadable):
            body, told = b"", False
        if told:
            return body
        said = excerpt(body, response.headers.get("Content-Type"))
        detail = f"{self._request} was answered with {response.status}"
        raise Fault(FaultKind.COMMUNICATION, f"{detail}: {said}" if said else detail, status=response.status)

    async def chunks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The body, no further than the limit."""
        limit, size = self._policy.max_response_bytes, 0
        try:
            async for chunk in response.content.iter_any():
                size += len(chunk)
                count(len(chunk))
                if size > limit:
                    self.fault = self._trouble(f"its answer is larger than the limit of {limit} bytes")
                    raise self.fault
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise trouble(self._request, error, self._policy.connect_timeout) from error

    def _trouble(self, what: str) -> Fault:
        return Fault(FaultKind.COMMUNICATION, f"{self._request} was answered, but {what}")


class _Body(httpx2.AsyncByteStream):
    def __init__(self, transport: _Transport, response: aiohttp.ClientResponse) -> None:
        self._transport = transport
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._transport.chunks(self._response)

    async def aclose(self) -> None:
        self._response.close()


def _headers(request: httpx2.Request) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name, text) for name, text in request.headers.items() if name.lower() not in _FRAMING
    )
    headers["Accept-Encoding"] = "identity"
    return headers
