"""Hosts that fail are left alone for a while, and none gets more calls at once than it may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import pytest
from aiohttp import web

from pgworker.activities import hosts
from pgworker.errors import Fault, FaultKind
from tests.activities.conftest import Client, Server
from tests.support.serving import serving
from tests.support.waiting import eventually

PAUSE = 0.1


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "FIRST_PAUSE", PAUSE)


def refused(fault: Fault) -> bool:
    """Whether a call was not sent."""
    return (fault.kind, fault.status) == (FaultKind.COMMUNICATION, 503) and "was not called" in fault.detail


async def test_after_failures_in_a_row_a_host_is_not_called_until_a_trial_is_answered(
    http: Client, server: Server
) -> None:
    client = await http.within(failures=3)
    url = server.answers(b"{}", status=503)
    for _ in range(3):
        assert not refused(await client.fault(url))
    assert refused(await client.fault(url))
    assert len(server.seen) == 3
    assert client.caller.hosts.states() == {f"127.0.0.1:{server.port}": "open"}
    await asyncio.sleep(PAUSE)
    assert not refused(await client.fault(url)), "the trial"
    assert refused(await client.fault(url)), "it failed"
    await asyncio.sleep(PAUSE)
    assert refused(await client.fault(url)), "it is open for twice as long now"
    server.answers(b"{}")
    await asyncio.sleep(PAUSE)
    assert await client(url) == {}
    assert await client(url) == {}
    assert client.caller.hosts.states() == {}


async def test_of_a_redirect_the_host_fails_that_did_not_answer(http: Client, server: Server) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        raise AssertionError

    application = web.Application()
    application.router.add_get("/", hang)
    client = await http.within(failures=1, total_timeout=0.3)
    async with serving(application) as port:
        where = f"http://127.0.0.1:{port}/"
        server.reply = lambda: web.Response(status=302, headers={"Location": where})
        leads = server.url()
        assert not refused(await client.fault(leads, redirect=True))
        assert client.caller.hosts.states() == {f"127.0.0.1:{port}": "open"}
    assert await client(server.answers(b"{}")) == {}


async def test_a_host_that_is_not_there_fails_and_others_are_called(http: Client, server: Server) -> None:
    client = await http.within(failures=2)
    nowhere = "http://127.0.0.1:9/"
    for _ in range(2):
        assert not refused(await client.fault(nowhere))
    assert refused(await client.fault(nowhere))
    assert await client(server.answers(b"{}")) == {}


async def test_a_host_that_does_not_answer_in_time_fails(http: Client, server: Server) -> None:
    client = await http.within(failures=1, total_timeout=0.1)
    assert "was not answered" in (await client.fault(server.url("/sleep"))).detail
    assert refused(await client.fault(server.url("/sleep")))


@pytest.mark.parametrize("status", [404, 500, 200])
async def test_any_answer_of_its_own_is_one_of_a_host_that_is_there(
    http: Client, server: Server, status: int
) -> None:
    client = await http.within(failures=2)
    for _ in range(3):
        assert not refused(await client.fault(server.answers(b"{}", status=503)))
        url = server.answers(b"{}", status=status)
        if status == 200:
            await client(url)
        else:
            assert not refused(await client.fault(url))


async def test_one_call_at_a_time_is_a_trial_and_one_that_is_given_up_makes_room(
    http: Client, server: Server
) -> None:
    client = await http.within(failures=1)
    await client.fault(server.answers(b"{}", status=502))
    await asyncio.sleep(PAUSE)
    trial = asyncio.create_task(client(server.url("/sleep")))
    await server.started.wait()
    assert refused(await client.fault(server.url()))
    trial.cancel()
    await asyncio.wait([trial])
    server.answers(b"{}")
    assert await client(server.url()) == {}


async def test_without_the_setting_every_call_is_sent(http: Client, server: Server) -> None:
    url = server.answers(b"{}", status=503)
    for _ in range(30):
        assert not refused(await http.fault(url))
    assert len(server.seen) == 30


class Crowded:
    """A service that knows how many are there at once."""

    def __init__(self) -> None:
        self.there = 0
        self.most = 0
        self.application = web.Application()
        self.application.router.add_get("/", self.answer)
        self.application.router.add_get("/away", self.redirect)

    @contextmanager
    def _one(self) -> Iterator[None]:
        self.there += 1
        self.most = max(self.most, self.there)
        try:
            yield
        finally:
            self.there -= 1

    async def answer(self, _: web.Request) -> web.Response:
        with self._one():
            await asyncio.sleep(0.02)
        return web.json_response({})

    async def redirect(self, request: web.Request) -> web.Response:
        with self._one():
            await asyncio.sleep(0.02)
        raise web.HTTPFound(request.query["to"])


async def test_a_host_gets_no_more_calls_at_once_than_it_may(http: Client) -> None:
    crowded = Crowded()
    async with serving(crowded.application) as port:
        client = await http.within(host_connections=2)
        url = f"http://127.0.0.1:{port}/"
        calls: list[Any] = [client(url) for _ in range(10)]
        assert await asyncio.gather(*calls) == [{}] * 10
        assert crowded.most == 2
        await eventually(lambda: client.caller.hosts._slots == {})


async def test_a_host_that_others_redirect_to_gets_no_more_calls_either(http: Client) -> None:
    target, sources = Crowded(), [Crowded() for _ in range(3)]
    async with AsyncExitStack() as stack:
        to = f"http://127.0.0.1:{await stack.enter_async_context(serving(target.application))}/"
        ports = [await stack.enter_async_context(serving(one.application)) for one in sources]
        client = await http.within(host_connections=1)
        urls = [f"http://127.0.0.1:{port}/away?to={to}" for port in ports] * 3
        calls: list[Any] = [client(url, redirect=True) for url in (*urls, to)]
        assert await asyncio.gather(*calls) == [{}] * 10
    assert [one.most for one in (target, *sources)] == [1, 1, 1, 1]


async def test_hosts_that_redirect_to_each_other_and_to_themselves_do_not_wait_for_ever(http: Client) -> None:
    ones = [Crowded(), Crowded()]
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(serving(one.application)) for one in ones]
        here, there = (f"http://127.0.0.1:{port}" for port in ports)
        client = await http.within(host_connections=1)
        ways = [f"{here}/away?to={there}/", f"{there}/away?to={here}/", f"{here}/away?to=/"] * 3
        async with asyncio.timeout(10):
            calls: list[Any] = [client(way, redirect=True) for way in ways]
            assert await asyncio.gather(*calls) == [{}] * 9
    assert [one.most for one in ones] == [1, 1]


async def test_while_a_call_waits_for_its_host_its_time_does_not_pass(http: Client) -> None:
    crowded = Crowded()
    async with serving(crowded.application) as port:
        client = await http.within(host_connections=1, total_timeout=0.2)
        ways = [f"http://127.0.0.1:{port}/away?to=/"] * 20
        calls: list[Any] = [client(way, redirect=True) for way in ways]
        assert await asyncio.gather(*calls) == [{}] * 20
        assert (
            "was not answered within" in (await (await http.within(total_timeout=0.01)).fault(ways[0])).detail
        )


async def test_a_trial_that_is_not_answered_in_time_keeps_the_circuit_open(
    http: Client, server: Server
) -> None:
    client = await http.within(failures=1, total_timeout=0.1)
    await client.fault(server.answers(b"{}", status=502))
    await asyncio.sleep(PAUSE)
    assert "was not answered" in (await client.fault(server.url("/sleep"))).detail
    assert refused(await client.fault(server.url()))
