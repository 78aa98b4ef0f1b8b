"""A real HTTP server on 127.0.0.1 that remembers what it was asked, and callers that may reach it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from pgworker.activities.http import HttpCaller
from pgworker.activities.policy import HttpPolicy, parse_networks
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue
from tests.support.authority import AuthorizationServer, Registered
from tests.support.oauth_calls import SECRET
from tests.support.serving import serving

LOOPBACK = HttpPolicy(allow_private=parse_networks("127.0.0.0/8"), connect_timeout=2.0, total_timeout=5.0)


@dataclass
class Seen:
    """One request as the server got it; headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Answers ``/answer`` as ``reply`` says, and a few other paths."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    documents: dict[str, dict[str, object]] = field(default_factory=dict)
    reply: Callable[[], web.StreamResponse] = field(default=lambda: web.json_response({}))
    started: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/answer", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def answers(self, body: bytes, content_type: str | None = "application/json", status: int = 200) -> str:
        """Makes ``/answer`` give these bytes, and returns its URL."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        self.reply = lambda: web.Response(body=body, headers=headers, status=status)
        return self.url()

    def answers_compressed(self, body: bytes, encoding: str, content_type: str = "text/plain") -> str:
        """Makes ``/answer`` give these bytes as they are, under a Content-Encoding."""
        headers = {"Content-Type": content_type, "Content-Encoding": encoding}
        self.reply = lambda: web.Response(body=body, headers=headers)
        return self.url()

    def has(self, path: str, body: bytes, content_type: str = "application/json") -> str:
        """Makes a path give these bytes, and returns its URL."""
        self.documents[path] = {"body": body, "content_type": content_type}
        return self.url(path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.raw_path, headers, await request.read()))
        match request.path.split("/")[1:]:
            case ["to", status]:  # redirects to where ?l= says
                return web.Response(status=int(status), headers={"Location": request.query["l"]})
            case ["hops", count] if int(count) > 0:
                return web.Response(status=302, headers={"Location": f"/hops/{int(count) - 1}"})
            case ["sleep"]:
                return await self._sleep()
            case ["drip"]:
                return await self._drip(request)
            case _ if request.path in self.documents:
                return web.Response(**self.documents[request.path])
            case _:
                return self.reply()

    async def _sleep(self) -> web.StreamResponse:
        self.started.set()
        try:
            await asyncio.sleep(30)
        finally:
            self.ended.set()
        return web.Response()

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=int(request.query.get("status", "200")))
        await response.prepare(request)
        self.started.set()
        for _ in range(100):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_route("*", "/{path:.*}", server.handle)
    async with serving(application) as server.port:
        yield server


@dataclass
class Client:
    """Calls in short: ``await http(url, method="POST")``, ``http.fault(url)`` for one that must fail."""

    stack: AsyncExitStack
    caller: HttpCaller

    async def __call__(self, endpoint: str, **arguments: JsonValue) -> JsonValue:
        return await self.caller.call(_arguments(endpoint, arguments), idempotency_key="w:7")

    async def fault(self, endpoint: str, **arguments: JsonValue) -> Fault:
        with pytest.raises(Fault) as caught:
            await self.caller.call(_arguments(endpoint, arguments), idempotency_key="w:7")
        return caught.value

    async def within(self, **limits: object) -> Client:
        """The same under another policy."""
        return await self.under(replace(LOOPBACK, **limits))

    async def under(self, policy: HttpPolicy) -> Client:
        return Client(self.stack, await self.stack.enter_async_context(HttpCaller(policy)))


def _arguments(endpoint: str, arguments: JsonObject) -> JsonObject:
    return {"method": "GET", "endpoint": endpoint, **arguments}


@pytest.fixture
async def http() -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:
        yield Client(stack, await stack.enter_async_context(HttpCaller(LOOPBACK)))


Raw = Callable[[bytes], Awaitable[str]]


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    """A server that answers any request with the bytes it was given, and then closes the connection."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await writer.drain()
            except ConnectionError:
                pass  # the client was right to hang up
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    yield start
    for server in servers:
        server.close()


class OpenApi:
    """Calls operations in short: ``await api(document, operation, **parameters)``."""

    def __init__(self, server, activities) -> None:
        self.server = server
        self.activities = activities
        self.extra: dict[str, object] = {}

    async def __call__(self, document, operation, /, **parameters):
        uri = document
        if not isinstance(document, str):
            uri = self.server.has("/docs/api.json", json.dumps(document).encode())
        arguments = {
            "document": {"endpoint": uri},
            "operationId": operation,
            "parameters": parameters,
            **self.extra,
        }
        return await self.activities.perform("openapi", arguments, idempotency_key="w:7")

    async def fault(self, document, operation, /, **parameters) -> Fault:
        with pytest.raises(Fault) as caught:
            await self(document, operation, **parameters)
        return caught.value

    @property
    def sent(self):
        """The request that was made last."""
        return self.server.seen[-1]


@pytest.fixture
async def api(server, tmp_path):
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_A": "token-of-a"})
    async with Activities(LOOPBACK, secrets, tmp_path) as activities:
        yield OpenApi(server, activities)


@pytest.fixture
async def authority():
    server = AuthorizationServer(
        clients={"runtime: one": Registered("client_secret_post", SECRET)},
        users={"ada": "open sesame & more"},
        subjects={"the-token-of-ada": "urn:ietf:params:oauth:token-type:jwt", "the-token-of-bob": "bob's"},
        refreshable={"a-refresh-token"},
    )
    async with server.open():
        yield server
