"""Limits: sizes, compression, headers and time."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
import tracemalloc
import zlib

import pytest

MIB = 1024 * 1024


async def test_a_body_of_exactly_the_limit_is_read(server, http):
    small = await http.within(max_response_bytes=1000)
    assert await small(server.answers(b"x" * 1000, "text/plain")) == "x" * 1000


async def test_a_body_over_the_limit_fails_and_says_the_limit(server, http):
    small = await http.within(max_response_bytes=1000)
    fault = await small.fault(server.answers(b"x" * 1001, "text/plain"))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "limit of 1000 bytes" in fault.detail


async def test_ten_megabytes_are_refused_by_default_and_read_where_allowed(server, http):
    url = server.answers(b"x" * 10 * MIB, "text/plain")
    assert "limit of 4194304 bytes" in (await http.fault(url)).detail
    large = await http.within(max_response_bytes=10 * MIB)
    assert len(await large(url)) == 10 * MIB


async def test_an_endless_body_is_not_read_further_than_the_limit(http):
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while sent < 200 * MIB:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        except ConnectionError:
            pass  # what the test wants
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as endless:
        small = await http.within(max_response_bytes=100_000)
        fault = await small.fault(f"http://127.0.0.1:{endless.sockets[0].getsockname()[1]}/")
    assert "limit of 100000 bytes" in fault.detail
    assert sent < 32 * MIB  # what fits into the buffers of two sockets


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_decompression_bomb_is_stopped_in_little_memory(server, http, encoding):
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(200)) + packer.flush()
    assert len(bomb) < MIB
    url = server.answers_compressed(bomb, encoding)
    tracemalloc.start()
    fault = await http.fault(url)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "grows more than 100 times" in fault.detail
    assert peak < 16 * MIB


async def test_a_bomb_of_bombs_is_only_unpacked_once(server, http):
    nested = gzip.compress(gzip.compress(bytes(10 * MIB)))
    fault = await http.fault(server.answers_compressed(nested, "gzip, gzip"))
    assert "was not asked for" in fault.detail


async def test_a_body_that_decompresses_beyond_the_limit_fails(server, http):
    small = await http.within(max_response_bytes=1000)
    fault = await small.fault(
        server.answers_compressed(gzip.compress(os.urandom(600).hex().encode()), "gzip")
    )
    assert "limit of 1000 bytes" in fault.detail


async def test_small_repetitive_bodies_may_compress_well(server, http):
    assert await http(server.answers_compressed(gzip.compress(b"x" * 60_000), "gzip")) == "x" * 60_000


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (b"hello", "gzip", "not valid gzip"),
        (gzip.compress(b"hello", mtime=0)[:-4], "gzip", "ends early"),
        (gzip.compress(b"hello", mtime=0)[:-8] + b"\0" * 8, "gzip", "not valid gzip"),
        (gzip.compress(b"hello", mtime=0) + b"rubbish", "gzip", "not valid gzip"),
        (zlib.compress(b"hello")[:-3], "deflate", "ends early"),
        (zlib.compress(b"hello") + b"more", "deflate", "goes on after the end"),
        (gzip.compress(b"", mtime=0) * 200, "gzip", "goes on after the end"),
        (b"hello", "br", "was not asked for"),
        (b"hello", "zstd", "was not asked for"),
        (b"hello", "nonsense", "was not asked for"),
    ],
)
async def test_broken_compression_fails_and_says_so(server, http, body, encoding, said):
    fault = await http.fault(server.answers_compressed(body, encoding))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert said in fault.detail


async def test_headers_over_the_limit_fail(raw, http):
    for head in (b"X-A: " + b"a" * 70_000, b"\r\n".join(b"X-%d: " % n + b"a" * 1000 for n in range(70))):
        fault = await http.fault(await raw(b"HTTP/1.1 200 OK\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n"))
        assert (fault.kind, fault.status) == ("communication", 500)


async def test_a_long_header_within_the_limit_is_read(raw, http):
    url = await raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n")
    assert len((await http(url, output="response"))["headers"]["X-A"]) == 20_000


async def test_a_slow_answer_ends_at_the_total_timeout(server, http):
    hasty = await http.within(total_timeout=0.2)
    for path in ("/sleep", "/drip"):
        began = time.monotonic()
        fault = await hasty.fault(server.url(path))
        assert time.monotonic() - began < 2
        assert (fault.kind, fault.status) == ("communication", 500)
        assert "0.2 s (the total timeout)" in fault.detail


async def test_a_failure_with_an_endless_body_still_tells_its_status(server, http):
    fault = await http.fault(server.url("/drip?status=503"))
    assert fault.status == 503


async def test_a_host_that_does_not_complete_a_connection_ends_at_the_connect_timeout(http):
    hasty = await http.within(connect_timeout=0.3)
    async with await asyncio.start_server(_say_nothing, "127.0.0.1", 0) as silent:
        fault = await hasty.fault(f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}/")
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "0.3 s (the connect timeout)" in fault.detail


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_more_calls_than_connections_wait_their_turn(server, http):
    narrow = await http.within(connections=2)
    answers = await asyncio.gather(*(narrow(server.url()) for _ in range(20)))
    assert answers == [{}] * 20
