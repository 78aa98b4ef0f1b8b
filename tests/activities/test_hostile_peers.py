"""Peers that hang, drip, lie and flood: a clear error in time, in little memory, and the slot is free."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pgworker.activities.policy import HttpPolicy, parse_networks
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue

SECONDS = 0.6
MIB = 1024 * 1024
POLICY = HttpPolicy(
    allow_private=parse_networks("127.0.0.0/8"),
    connect_timeout=SECONDS,
    total_timeout=SECONDS,
    max_response_bytes=256 * 1024,
    connections=1,
)

Peer = Callable[[asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CLOSING = b"Connection: close"


def says(*parts: bytes) -> Peer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


def drips(head: bytes, drop: bytes = b"x") -> Peer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.02)

    return answer


def floods(head: bytes, flood: bytes, size: int = 10 * 1024 * MIB) -> Peer:
    """Ten gigabytes, if somebody takes them."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(size // len(flood)):
            writer.write(flood)
            await writer.drain()

    return answer


async def hangs(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def hangs_amid_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"X-A: ")
    await asyncio.sleep(60)


async def hangs_amid_the_body(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Length: 10\r\n\r\n{")
    await asyncio.sleep(60)


def with_length(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return OK + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(300)) + packer.flush()


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PEERS: dict[str, Peer] = {
    "hangs": hangs,
    "hangs amid its headers": hangs_amid_headers,
    "hangs amid its body": hangs_amid_the_body,
    "drips a status": drips(b"HTTP/1.1 200 ", b"O"),
    "drips headers": drips(OK, b"X-A: b\r\n"),
    "drips a body": drips(OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "drips chunks": drips(CHUNKED, b"1\r\n \r\n"),
    "drips promises": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "sends promises without end": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "sends ten gigabytes, as it says": floods(OK + b"Content-Length: 10737418240\r\n\r\n", b" " * 65536),
    "sends ten gigabytes until it closes": floods(OK + b"Connection: close\r\n\r\n", b" " * 65536),
    "sends ten gigabytes in chunks": floods(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "sends ten gigabytes of headers": floods(OK, b"X-A: " + b"b" * 1000 + b"\r\n"),
    "sends a header of ten gigabytes": floods(OK + b"X-A: ", b"b" * 65536),
    "sends a status of ten gigabytes": floods(b"HTTP/1.1 200 ", b"O" * 65536),
    "sends a chunk's size of ten gigabytes": floods(CHUNKED, b"0" * 65536),
    "sends a chunk's extension of ten gigabytes": floods(CHUNKED + b"1;", b"a" * 65536),
    "sends trailers of ten gigabytes": floods(
        CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-A: " + b"b" * 1000 + b"\r\n"
    ),
    "sends less than it says": says(OK + b"Content-Length: 100\r\n\r\n{}"),
    "says two lengths": says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "says a length that is none": says(OK + b"Content-Length: -2\r\n\r\n{}"),
    "says a chunk's size that is none": says(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "ends amid a chunk": says(CHUNKED + b"ff\r\n{}"),
    "sends broken gzip": says(with_length(b"hello", b"Content-Encoding: gzip", CLOSING)),
    "sends half of a gzip": says(with_length(gzip.compress(b"{}")[:-5], b"Content-Encoding: gzip", CLOSING)),
    "sends a bomb": says(with_length(bomb(), b"Content-Encoding: gzip", CLOSING)),
    "sends an encoding of its own": says(with_length(b"{}", b"Content-Encoding: rot13", CLOSING)),
    "sends JSON that is none": says(with_length(b'{"a": ', CLOSING)),
    "sends JSON that is too deep": says(with_length(b"[" * 200_000, CLOSING)),
    "sends NaN": says(with_length(b'{"a": NaN}', CLOSING)),
    "sends text that is none": says(with_length(b'{"a": "\xff"}', CLOSING)),
    "does not speak HTTP": says(b"220 smtp.example.com ESMTP\r\n"),
    "says nothing and goes": says(),
}


@asynccontextmanager
async def hostile(peer: Peer) -> AsyncIterator[str]:
    """The peer, until somebody wants ``/good``."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /good "):
                writer.write(with_length(b'{"good": true}'))
                await writer.drain()
            else:
                await peer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # they were right to hang up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks - {None}:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(url: str, authentication: JsonValue = None) -> tuple[str, JsonObject]:
    return "http", {"method": "GET", "endpoint": url, "authentication": authentication}


def token(url: str, scheme: str) -> tuple[str, JsonObject]:
    policy: JsonObject = {
        "authority": url,
        "grant": "client_credentials",
        "client": {"id": "i", "secret": "s"},
    }
    return http(f"{url}/good", {scheme: policy})


DOORS: dict[str, Callable[[str], tuple[str, JsonObject]]] = {
    "a service": lambda url: http(f"{url}/bad"),
    "a service that is logged in to": lambda url: http(
        f"{url}/bad", {"digest": {"username": "a", "password": "b"}}
    ),
    "a document": lambda url: ("openapi", {"document": {"endpoint": f"{url}/bad.json"}, "operationId": "a"}),
    "an endpoint of tokens": lambda url: token(url, "oauth2"),
    "an authority": lambda url: token(url, "oidc"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("peer", PEERS)
async def test_a_hostile_peer_is_a_clear_error_in_time_and_in_little_memory(peer: str, door: str) -> None:
    async with hostile(PEERS[peer]) as url, Activities(POLICY) as activities:
        kind, arguments = DOORS[door](url)
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(Fault) as caught:
            await activities.perform(kind, arguments, idempotency_key="w:1")
        took = time.monotonic() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        kind, arguments = http(f"{url}/good")
        assert await activities.perform(kind, arguments, idempotency_key="w:2") == {"good": True}
    fault = caught.value
    assert took < SECONDS + 2
    assert peak < 24 * MIB
    expected = {"an endpoint of tokens": "authentication", "an authority": "authentication"}
    kinds = {expected.get(door, "communication")} | ({"configuration"} if door == "a document" else set())
    assert fault.kind in kinds, fault.detail
    assert url.removeprefix("http://") in fault.detail or "did not answer" in fault.detail
    assert len(fault.detail) < 600


@pytest.mark.parametrize("protocol", ["ws", "redis", "nats", "amqp", "mqtt", "kafka"])
async def test_a_peer_that_says_nothing_to_a_subscription_is_an_error_in_time(
    protocol: str, tmp_path: Path
) -> None:
    async with hostile(hangs) as url:
        host = url.removeprefix("http://")
        document = {
            "asyncapi": "3.0.0",
            "servers": {"s": {"host": host, "protocol": protocol}},
            "channels": {"c": {"address": "c"}},
            "operations": {"o": {"action": "receive", "channel": {"$ref": "#/channels/c"}}},
        }
        (tmp_path / "it.json").write_text(json.dumps(document))
        arguments: JsonObject = {
            "document": {"endpoint": "file:it.json"},
            "operation": "o",
            "subscription": {"consume": {"amount": 1}},
        }
        began = time.monotonic()
        async with Activities(POLICY, StoredSecrets(environment={}), tmp_path) as activities:
            with pytest.raises(Fault) as caught:
                await activities.perform("asyncapi", arguments, idempotency_key="w:1")
        assert time.monotonic() - began < SECONDS + 4
    assert caught.value.kind == "communication"


async def test_what_follows_an_answer_is_no_part_of_the_next_one() -> None:
    more = with_length(b"{}") + with_length(b'{"smuggled": true}')
    async with hostile(says(more)) as url, Activities(POLICY) as activities:
        kind, arguments = http(f"{url}/bad")
        for _ in range(3):
            assert await activities.perform(kind, arguments, idempotency_key="w:1") == {}
        kind, arguments = http(f"{url}/good")
        assert await activities.perform(kind, arguments, idempotency_key="w:2") == {"good": True}
