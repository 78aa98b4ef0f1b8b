"""What happens when the other side or the way to it breaks, and when a call is cancelled."""

from __future__ import annotations

import asyncio
import socket

import pytest


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_a_refused_connection_fails_and_says_where(http):
    port = closed_port()
    fault = await http.fault(f"http://127.0.0.1:{port}/pets?token=hunter2")
    assert (fault.kind, fault.status) == ("communication", 500)
    assert f"no connection to 127.0.0.1:{port}" in fault.detail
    assert "hunter2" not in fault.detail


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\nabc", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", "127.0.0.1"),
    ],
)
async def test_a_broken_answer_fails_and_says_how(raw, http, answer, said):
    fault = await http.fault(await raw(answer))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert said in fault.detail
    assert fault.detail.isprintable()


async def test_bytes_after_the_declared_length_never_become_part_of_an_answer(raw, http):
    url = await raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi there")
    fault = await http.fault(url)
    assert (fault.kind, fault.status) == ("communication", 500)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_call_without_an_answer_is_not_sent_again(http, method):
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        if requests == 1:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
            requests += 1
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert await http(url, method=method) is None
        await http.fault(url, method=method)  # on the connection that was kept
        assert requests == 2
        await http.fault(url, method=method)  # on a new one
        assert requests == 3


async def test_connections_are_used_again(http):
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(5):
            await http(url)
        assert connections == 1
        await http.caller.__aexit__(None, None, None)


async def test_cancelling_a_call_closes_its_connection(server, http):
    call = asyncio.create_task(http(server.url("/sleep")))
    await server.started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(server.ended.wait(), 2)
    assert await http(server.url()) == {}


async def test_cancelling_during_the_body_closes_the_connection_and_frees_the_slot(server, http):
    narrow = await http.within(connections=1)
    call = asyncio.create_task(narrow(server.url("/drip")))
    await server.started.wait()
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.wait_for(narrow(server.url()), 2) == {}


async def test_a_timeout_of_the_caller_is_not_taken_for_ours(server, http):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await http(server.url("/sleep"))


async def test_leaving_the_caller_closes_what_is_open(server, http):
    await http(server.url())
    await http.caller.__aexit__(None, None, None)
    await http.caller.__aexit__(None, None, None)
