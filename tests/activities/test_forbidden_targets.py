"""Forbidden targets by every door: calls, documents, resources, authorities, and redirects to them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

import pytest
from aiohttp import web

from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.activities.registry import Activities
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue
from tests.support.greeter import MOOD, PROTO
from tests.support.serving import serving
from tests.support.targets import CONFUSING, NAMES, ODD, SPELLINGS

MANY = [*ODD, *NAMES, *CONFUSING]
"""What has to be asked of DNS, which takes its time; that these fail as unknown hosts is as good."""

CLIENT: JsonObject = {"id": "i", "secret": "s"}


class Trap:
    """Listens where forbidden targets lead, and counts who comes; only ``start.test`` may be called."""

    def __init__(self) -> None:
        self.caught = 0
        self.port = 0
        self.start = ""
        self.token_endpoint = ""

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.caught += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/to":
            return web.Response(status=307, headers={"Location": request.query["l"]})
        if request.path == "/document":
            return web.Response(text=request.query["d"], content_type="application/json")
        if request.path.startswith("/hops/"):
            left = int(request.path.removeprefix("/hops/"))
            headers = {"Location": f"/hops/{left - 1}"}
            return web.Response(status=302, headers=headers) if left else web.json_response({"arrived": True})
        if request.path.startswith("/discovery/"):
            issuer = f"http://start.test/discovery/{request.match_info['tail'].split('/')[1]}"
            target = bytes.fromhex(issuer.rpartition("/")[2]).decode()
            return web.json_response({"issuer": issuer, "token_endpoint": target})
        return web.json_response({})


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    one = Trap()
    server = await asyncio.start_server(one.enter, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", one.serve)
    async with serving(application) as port:
        one.start = f"start.test:80:127.0.0.1:{port}"
        yield one
        server.close()


def http(uri: str, **more: JsonValue) -> tuple[str, JsonObject]:
    return "http", {"method": "GET", "endpoint": uri, **more}


def openapi(uri: str) -> tuple[str, JsonObject]:
    return "openapi", {"document": {"endpoint": uri}, "operationId": "look"}


def redirect(uri: str) -> str:
    return f"http://start.test/to?l={quote(uri, safe='')}"


def oauth2(uri: str) -> tuple[str, JsonObject]:
    policy: JsonObject = {"authority": uri, "grant": "client_credentials", "client": CLIENT}
    return http("http://start.test/", authentication={"oauth2": policy})


def endpoint(uri: str) -> tuple[str, JsonObject]:
    policy: JsonObject = {
        "authority": "http://start.test",
        "endpoints": {"token": uri},
        "grant": "client_credentials",
        "client": CLIENT,
    }
    return http("http://start.test/", authentication={"oauth2": policy})


def oidc(uri: str) -> tuple[str, JsonObject]:
    policy: JsonObject = {"authority": uri, "grant": "client_credentials", "client": CLIENT}
    return http("http://start.test/", authentication={"oidc": policy})


def discovered(uri: str) -> tuple[str, JsonObject]:
    return oidc(f"http://start.test/discovery/{uri.encode().hex()}")


DOORS = {
    "a call": http,
    "a call's redirect": lambda uri: http(redirect(uri), redirect=True),
    "a document": openapi,
    "a document's redirect": lambda uri: openapi(redirect(uri)),
    "an authority": oauth2,
    "an endpoint of tokens": endpoint,
    "an authority to be discovered": oidc,
    "a discovered endpoint": discovered,
}


async def fault_of(activities: Activities, kind: str, arguments: JsonObject) -> Fault:
    with pytest.raises(Fault) as caught:
        await activities.perform(kind, arguments, idempotency_key="w:1")
    return caught.value


async def resource_fault(activities: Activities, uri: str) -> Fault:
    with pytest.raises(Fault) as caught:
        await activities.resources.load(uri)
    return caught.value


@pytest.mark.parametrize("door", [*DOORS, "a resource", "a resource's redirect"])
async def test_no_spelling_of_a_forbidden_target_is_let_through(trap: Trap, door: str) -> None:
    policy = HttpPolicy(connect_to=parse_connect_to(trap.start), connect_timeout=3, connections=20)
    hosts = [*SPELLINGS, *(MANY if door in ("a call", "a resource", "an authority") else ())]
    assert len(SPELLINGS) > 60
    async with Activities(policy) as activities:

        async def knock(host: str) -> Fault:
            uri = f"http://{host}:{trap.port}/api.json"
            if door == "a resource":
                return await resource_fault(activities, uri)
            if door == "a resource's redirect":
                return await resource_fault(activities, redirect(uri))
            return await fault_of(activities, *DOORS[door](uri))

        faults = await asyncio.gather(*(knock(host) for host in hosts))
    assert trap.caught == 0
    told = dict(zip(hosts, faults, strict=True))
    plain = [told[host] for host in SPELLINGS if "@" not in host]
    assert Counter(fault.kind.value for fault in plain) == {"authorization": len(plain)}
    for host, fault in told.items():
        assert fault.kind in ("authorization", "configuration", "communication", "authentication"), host


async def test_the_trap_catches_who_may_come(trap: Trap) -> None:
    async with Activities(HttpPolicy(allow_every_address=True)) as activities:
        kind, arguments = http(f"http://127.0.0.1:{trap.port}/")
        await activities.perform(kind, arguments, idempotency_key="w:1")
    assert trap.caught == 1


async def test_the_server_of_a_document_may_be_no_forbidden_target_either(trap: Trap, tmp_path) -> None:
    policy = HttpPolicy(connect_to=parse_connect_to(trap.start))
    async with Activities(policy, resources=tmp_path) as activities:
        for number, host in enumerate(SPELLINGS):
            document = {
                "openapi": "3.0.3",
                "servers": [{"url": f"http://{host}:{trap.port}"}],
                "paths": {"/x": {"get": {"operationId": "look"}}},
            }
            (tmp_path / f"{number}.json").write_text(json.dumps(document))
            fault = await fault_of(activities, *openapi(f"file://{number}.json"))
            assert fault.kind in ("authorization", "configuration"), (host, fault.detail)
    assert trap.caught == 0


def broker(protocol: str, host: str, port: int) -> tuple[str, JsonObject]:
    document = {
        "asyncapi": "3.0.0",
        "servers": {"it": {"host": f"{host}:{port}", "protocol": protocol}},
        "channels": {"news": {"address": "news"}},
    }
    arguments: JsonObject = {
        "document": {"endpoint": "http://start.test/document?d=" + quote(json.dumps(document))},
        "channel": "news",
        "message": {"payload": 1},
    }
    return "asyncapi", arguments


SPOKEN = ["amqp", "amqps", "http", "kafka", "kafka-secure", "mqtt", "mqtts", "nats", "redis", "rediss", "ws"]


@pytest.mark.parametrize("protocol", SPOKEN)
async def test_no_broker_may_be_a_forbidden_target_either(trap: Trap, protocol: str) -> None:
    policy = HttpPolicy(connect_to=parse_connect_to(trap.start), connect_timeout=3)
    async with Activities(policy) as activities:
        for host in SPELLINGS:
            fault = await fault_of(activities, *broker(protocol, host, trap.port))
            kinds = ("authorization",) if "@" not in host else ("authorization", "configuration")
            assert fault.kind in kinds, (host, fault.detail)
    assert trap.caught == 0


def grpc(host: str, port: int) -> tuple[str, JsonObject]:
    service: JsonObject = {"name": "GreeterApi.Greeter", "host": host, "port": port}
    proto: JsonObject = {"endpoint": "file://greet.proto"}
    return "grpc", {"proto": proto, "service": service, "method": "SayHello", "arguments": {"name": "A"}}


def mcp(host: str, port: int) -> tuple[str, JsonObject]:
    return "mcp", {"method": "tools/list", "http": {"endpoint": f"http://{host}:{port}/mcp"}}


def a2a(host: str, port: int) -> tuple[str, JsonObject]:
    return "a2a", {"method": "tasks/get", "endpoint": f"http://{host}:{port}/", "parameters": {"id": "1"}}


def card(host: str, port: int) -> tuple[str, JsonObject]:
    return "a2a", {"method": "tasks/get", "agentCard": {"endpoint": f"http://{host}:{port}/card.json"}}


@pytest.mark.parametrize("service", [grpc, mcp, a2a, card])
async def test_no_service_of_another_protocol_may_be_a_forbidden_target_either(
    trap: Trap, tmp_path, service: Callable[[str, int], tuple[str, JsonObject]]
) -> None:
    (tmp_path / "greet.proto").write_text(PROTO)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "mood.proto").write_text(MOOD)
    async with Activities(HttpPolicy(connect_timeout=3), resources=tmp_path) as activities:
        for host in SPELLINGS:
            fault = await fault_of(activities, *service(host, trap.port))
            # what the client of a protocol does not take for a host is not called either
            assert fault.kind in ("authorization", "configuration", "communication"), (host, fault.detail)
    assert trap.caught == 0


async def test_redirects_are_limited_for_resources_and_documents_too(trap: Trap) -> None:
    async with Activities(HttpPolicy(connect_to=parse_connect_to(trap.start))) as activities:
        assert await activities.resources.load("http://start.test/hops/5") == {"arrived": True}
        fault = await resource_fault(activities, "http://start.test/hops/6")
        assert "more than 5 redirects" in fault.detail
        fault = await fault_of(activities, *openapi("http://start.test/hops/6"))
        assert "more than 5 redirects" in fault.detail
