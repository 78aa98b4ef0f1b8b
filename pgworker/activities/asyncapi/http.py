"""HTTP and WebSocket: messages as bodies, as lines and events of an endless answer, and as frames."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from pgworker.activities.asyncapi.broker import communication
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.http import HttpCaller
from pgworker.activities.media import essence
from pgworker.activities.redaction import Redaction
from pgworker.activities.request import Request, prepare
from pgworker.activities.sse import EVENT_STREAM, Events
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_POLL_SECONDS = 1.0
_LINES = ("application/x-ndjson", "application/jsonl", "application/json-seq")
_ERRORS = (aiohttp.ClientError, OSError)


def http_request(contact: Contact, method: str, headers: JsonObject, body: str | None = None) -> Request:
    """The request to where the channel is."""
    server, address = contact.target.server, contact.target.address
    scheme = "https" if server.protocol in ("https", "wss") else "http"
    path = server.path.rstrip("/") + "/" + address.lstrip("/")
    arguments: JsonObject = {
        "method": method,
        "endpoint": f"{scheme}://{server.host}{path}",
        "headers": headers,
        "body": body,
    }
    return prepare(arguments, contact.key)


class HttpLink:
    """Publishes by a request; receives by asking, again and again where the answer ends.

    Nothing can be acknowledged: what a request was answered with is not there any more.
    """

    def __init__(self, http: HttpCaller, limit_bytes: int) -> None:
        self._http = http
        self._limit = limit_bytes

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``; the answer's content is what is returned."""
        method = str(contact.target.bindings.get("method", "POST"))
        headers: JsonObject = {"Content-Type": message.content_type, **message.headers}
        request = http_request(contact, method, headers, message.body.decode())
        return await self._http.send(request, contact.authentication)

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Stream]:
        """See ``Link``."""
        method = str(contact.target.bindings.get("method", "GET"))
        accept = f"{EVENT_STREAM}, application/x-ndjson, application/json, */*;q=0.5"
        request = http_request(contact, method, {"Accept": accept})
        request.headers["Accept-Encoding"] = "identity"
        session, request = await self._http.opened(request, contact.authentication)
        messages = _messages(session, request, self._limit)
        try:
            yield _Stream(messages, request.redaction)
        finally:
            await messages.aclose()


class _Stream:
    def __init__(self, messages: AsyncIterator[Inbound], redaction: Redaction) -> None:
        self._messages = messages
        self.redaction = redaction

    async def next(self) -> Inbound:
        return await anext(self._messages)

    async def acknowledge(self) -> None:
        """There is nothing to tell."""


async def _messages(
    session: aiohttp.ClientSession, request: Request, limit: int
) -> AsyncGenerator[Inbound, None]:
    while True:
        try:
            async with session.request(
                request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    detail = f"{request} was answered with {response.status}"
                    raise Fault(FaultKind.COMMUNICATION, detail, status=response.status)
                # of an answer with many messages the headers are those of none of them
                headers = {} if _is_stream(response) else dict(response.headers.items())
                async for body in _bodies(response, limit):
                    yield Inbound(body, headers)
        except _ERRORS as error:
            raise communication(f"{request} broke", error) from error
        await asyncio.sleep(_POLL_SECONDS)


def _is_stream(response: aiohttp.ClientResponse) -> bool:
    return essence(response.headers.get("Content-Type")) in (EVENT_STREAM, *_LINES)


async def _bodies(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    """The messages of an answer: its events, its lines, or all of it."""
    kind = essence(response.headers.get("Content-Type"))
    if kind == EVENT_STREAM:
        async for data in _events(response, limit):
            yield data
    elif kind in _LINES:
        async for line in _lines(response, limit):
            if line.strip(b"\x1e \t"):
                yield line.strip(b"\x1e \t")
    else:
        body = b""
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
        if body:
            yield body


async def _events(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    events = Events()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    async for chunk in response.content.iter_any():
        for data in (text.encode() for text in events.feed(decoder.decode(chunk))):
            if len(data) > limit:
                raise _too_large(limit)
            yield data
        if events.held > limit:
            raise _too_large(limit)


async def _lines(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
        if len(rest) > limit:
            raise _too_large(limit)
    if rest:
        yield rest


def _too_large(limit: int) -> Fault:
    return Fault(FaultKind.COMMUNICATION, f"a message is larger than the limit of {limit} bytes")
