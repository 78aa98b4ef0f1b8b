"""How the settings of outgoing calls are read."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from pgworker.activities.policy import ConnectTo, HttpPolicy, parse_connect_to, parse_networks
from pgworker.errors import SettingsError


def test_networks_are_a_comma_separated_list():
    assert parse_networks(" 127.0.0.0/8, 10.0.0.1 ,fd00::/8,") == (
        ip_network("127.0.0.0/8"),
        ip_network("10.0.0.1/32"),
        ip_network("fd00::/8"),
    )
    assert parse_networks("") == ()


@pytest.mark.parametrize("text", ["all", " ALL "])
def test_all_is_every_address(text):
    for address in ("127.0.0.1", "::1", "255.255.255.255"):
        assert any(ip_address(address) in network for network in parse_networks(text))


@pytest.mark.parametrize(
    "text", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "127.1", "none", "10.0.0.0/8;::1", "all,::1"]
)
def test_what_is_no_network_is_refused_with_a_hint(text):
    with pytest.raises(SettingsError) as caught:
        parse_networks(text)
    assert "PGWORKER_HTTP_ALLOW_PRIVATE" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Api.Example.com:443:127.0.0.1:8443", ConnectTo("api.example.com", 443, "127.0.0.1", 8443)),
        ("::127.0.0.1:8443", ConnectTo(None, None, "127.0.0.1", 8443)),
        ("a.test:80::8080", ConnectTo("a.test", 80, None, 8080)),
        ("a.test.:80:b.test:", ConnectTo("a.test", 80, "b.test", None)),
        ("[::1]:80:[fd00::1]:81", ConnectTo("::1", 80, "fd00::1", 81)),
        (":::", ConnectTo(None, None, None, None)),
    ],
)
def test_connect_to_is_spelled_as_for_curl(text, rule):
    assert parse_connect_to(text) == (rule,)


def test_connect_to_takes_several_rules_and_none():
    assert [rule.to_host for rule in parse_connect_to("a:1:b:2, c:3:d:4")] == ["b", "d"]
    assert parse_connect_to("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a:80",
        "a:80:b",
        "a:80:b:80:c",
        "a:http:b:80",
        "a:80:b:99999",
        "a:0:b:1",
        "::1:80:b:80",
        "[::1:80:b:80",
    ],
)
def test_a_broken_rule_is_refused_with_a_hint(text):
    with pytest.raises(SettingsError) as caught:
        parse_connect_to(text)
    assert "PGWORKER_HTTP_CONNECT_TO" in (caught.value.hint or "")


def test_the_default_policy_allows_no_private_address():
    policy = HttpPolicy()
    assert (policy.allow_private, policy.allow_every_address, policy.connect_to) == ((), False, ())
    assert (policy.max_response_bytes, policy.max_header_bytes) == (4 * 2**20, 64 * 2**10)
