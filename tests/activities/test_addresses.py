"""Which addresses can be called, however they are spelled, and where a connection really goes."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import ip_address

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pgworker.activities.addresses import refusal, why_forbidden
from pgworker.activities.connector import GuardedConnector
from pgworker.activities.policy import HttpPolicy, parse_connect_to, parse_networks
from pgworker.errors import Fault
from tests.support.targets import ODD, SPELLINGS, words

FORBIDDEN = words(
    """
    127.0.0.1 127.255.255.254 127.0.0.2 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255
    192.168.0.1 192.168.255.255 169.254.0.1 169.254.169.254 169.254.170.2 100.64.0.1 100.100.100.200
    100.127.255.255 168.63.129.16 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 fe80::1 febf::1 fe80::1%1 fec0::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 ff00::1 ff02::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:7f00:1 ::127.0.0.1 ::8.8.8.8
    ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8
    2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:db8::1 3fff::1
    2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe:: 2002:808:808:: 2a00:1450::5efe:10.0.0.1
    2a00:1450::200:5efe:127.0.0.1 100::1 5f00::1 4000::1 8000::1 fe00::1
    """
)

PUBLIC = words(
    """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
    169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    223.255.255.255 2606:4700:4700::1111 2a00:1450:4001:80b::200e 2001:4860:4860::8888 2001:500:88:200::8
    ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2a00:1450::5efe:8.8.8.8
    """
)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_forbidden(address):
    assert why_forbidden(ip_address(address)) is not None
    assert refusal(address, HttpPolicy()) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address):
    assert why_forbidden(ip_address(address)) is None
    assert refusal(address, HttpPolicy()) is None


def test_what_is_not_an_address_is_refused():
    assert refusal("127.1", HttpPolicy(allow_private=parse_networks("127.0.0.0/8"))) == "not an address"


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_a_forbidden_address_gets_through(http, host):
    strict = await http.under(HttpPolicy(connect_timeout=2))
    fault = await strict.fault(f"http://{host}:9/x")
    assert (fault.kind, fault.status) == ("authorization", 403), fault.detail
    assert "PGWORKER_HTTP_ALLOW_PRIVATE" in (fault.hint or "")
    assert "PGWORKER_HTTP_ALLOW_PRIVATE" in fault.detail


@pytest.mark.parametrize("host", ODD)
async def test_what_may_be_an_address_is_refused_or_unknown(http, host):
    strict = await http.under(HttpPolicy(connect_timeout=2))
    fault = await strict.fault(f"http://{host}:9/x")
    assert fault.kind in ("authorization", "communication", "configuration")
    assert "no connection" not in fault.detail


async def test_a_refusal_names_the_host_and_the_address(http):
    fault = await (await http.under(HttpPolicy())).fault("http://localhost:9/")
    assert "localhost" in fault.detail
    assert "loopback" in fault.detail
    assert "127.0.0.1" in fault.detail or "::1" in fault.detail


async def test_an_allowed_network_can_be_called_in_every_spelling(server, http):
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost"):
        assert await http(server.url(host=host)) == {}
    for host in ("10.0.0.1", "[::1]", "169.254.169.254", "127.0.0.1.nowhere.invalid"):
        fault = await http.fault(f"http://{host}:{server.port}/")
        assert fault.kind in ("authorization", "communication")


async def test_every_address_can_be_allowed(server, http):
    for policy in (HttpPolicy(allow_every_address=True), HttpPolicy(allow_private=parse_networks("all"))):
        assert await (await http.under(policy)).__call__(server.url(host="localhost")) == {}


async def test_an_unknown_host_fails_and_is_named(http):
    for host in ("nowhere.invalid", "a..b", "x" * 64 + ".example", ".example"):
        fault = await http.fault(f"http://{host}/")
        assert (fault.kind, fault.status) == ("communication", 500)
        assert "cannot be resolved" in fault.detail
        assert host in fault.detail


async def test_connections_go_where_the_operator_says_and_the_request_stays_the_same(server, http):
    there = await http.under(HttpPolicy(connect_to=parse_connect_to(f"api.test:80:127.0.0.1:{server.port}")))
    assert await there("http://API.test/answer") == {}
    assert server.seen[0].headers["host"] == "api.test"


async def test_only_connections_that_a_rule_names_are_trusted(server, http):
    there = await http.under(HttpPolicy(connect_to=parse_connect_to(f"api.test:80:localhost:{server.port}")))
    assert await there("http://api.test/answer") == {}
    for url in (server.url(), server.url(host="localhost"), "http://127.0.0.1:80/"):
        assert (await there.fault(url)).kind == "authorization"


async def test_a_rule_for_any_host_also_moves_addresses(server, http):
    there = await http.under(HttpPolicy(connect_to=parse_connect_to(f"::127.0.0.1:{server.port}")))
    for url in ("http://api.test/answer", "http://10.0.0.1:81/answer", "http://[fd00::1]/answer"):
        assert await there(url) == {}


async def test_a_rule_that_only_changes_the_port_trusts_no_address(server, http):
    rules = parse_connect_to(f"localhost:80::{server.port}")
    assert (
        await (await http.under(HttpPolicy(connect_to=rules))).fault("http://localhost/")
    ).kind == "authorization"
    assert await (await http.within(connect_to=rules))("http://localhost/answer") == {}


class Names(AbstractResolver):
    """Resolves to the next of several answers each time it is asked, as a rebinding DNS server does."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answer = self.answers.pop(0)
        return [
            ResolveResult(hostname=host, host=a, port=port, family=socket.AF_INET, proto=0, flags=0)
            for a in answer
        ]

    async def close(self) -> None:
        pass


def session(names: AbstractResolver, policy: HttpPolicy) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=GuardedConnector(policy, None, names))


async def test_a_name_is_resolved_once_so_that_it_cannot_change_after_the_check(server):
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    only = HttpPolicy(allow_private=parse_networks("127.0.0.1"))
    async with session(names, only) as client, client.get(server.url(host="rebinding.test")) as response:
        assert response.status == 200
    assert names.answers == [["127.0.0.2"]]


async def test_forbidden_addresses_of_a_name_are_left_out(server):
    only = HttpPolicy(allow_private=parse_networks("127.0.0.1"))
    names = Names(["10.0.0.1", "127.0.0.1", "not-an-address"])
    async with session(names, only) as client, client.get(server.url(host="mixed.test")) as response:
        assert response.status == 200
    async with session(Names(["10.0.0.1", "10.0.0.2"]), only) as client:
        with pytest.raises(Fault, match=r"it leads to 10\.0\.0\.1, which is private"):
            await client.get("http://private.test/")


class Unchecked(GuardedConnector):
    """What GuardedConnector would be if aiohttp stopped asking it where to connect."""

    _resolve_host = aiohttp.TCPConnector._resolve_host


async def test_without_the_check_nothing_connects_at_all(server):
    everything = replace(HttpPolicy(), allow_every_address=True)
    async with aiohttp.ClientSession(connector=Unchecked(everything, None)) as client:
        with pytest.raises(aiohttp.ClientConnectorError, match="was not checked"):
            await client.get(server.url())
