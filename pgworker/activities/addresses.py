"""Which addresses a workflow must not reach: everything that is not plainly the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from pgworker.activities.policy import HttpPolicy
from pgworker.errors import Fault, FaultKind

Address: TypeAlias = IPv4Address | IPv6Address

# Written out, since what `ipaddress` calls global differs between the Python versions that we run on.
_FORBIDDEN_V4 = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("127.0.0.0/8", "loopback"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("169.254.0.0/16", "link-local"),
        ("168.63.129.16/32", "a cloud's metadata service"),
        ("0.0.0.0/8", "unspecified"),
        ("100.64.0.0/10", "shared (carrier-grade NAT)"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_FORBIDDEN_V6 = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::1/128", "loopback"),
        ("::/128", "unspecified"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("fc00::/7", "private (unique local)"),
        ("ff00::/8", "multicast"),
        ("::/96", "an IPv4-compatible address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("64:ff9b:1::/48", "a local NAT64 address"),
        ("2001::/32", "a Teredo address"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
        ("2002::/16", "a 6to4 address"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)

_HINT = "PGWORKER_HTTP_ALLOW_PRIVATE lists the networks that may be called all the same"


def why_forbidden(address: Address) -> str | None:
    """What is wrong with calling an address, or None for a public one.

    IPv4-mapped and NAT64 addresses are judged by the IPv4 address inside them. The other ways to wrap one
    (6to4, Teredo, IPv4-compatible) are refused whatever is inside: nothing public answers there any more.

    >>> why_forbidden(ip_address("::ffff:127.0.0.1"))
    'loopback'
    """
    address = _unwrapped(address)
    if isinstance(address, IPv4Address):
        return next((what for network, what in _FORBIDDEN_V4 if address in network), None)
    for network, what in _FORBIDDEN_V6:
        if address in network:
            return what
    if address not in _GLOBAL_V6:
        return "reserved"
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return why_forbidden(IPv4Address(int(address) & 0xFFFFFFFF))
    return None


def _unwrapped(address: Address) -> Address:
    """The address that packets end up at: without a zone, out of its IPv4-mapped or NAT64 form."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv6Address(int(address))


def refusal(text: str, policy: HttpPolicy) -> str | None:
    """Why the policy refuses a resolved address, or None if it may be called; non-addresses are refused."""
    if policy.allow_every_address:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return "not an address"
    what = why_forbidden(address)
    if what is None or _allowed(address, policy) or _allowed(_unwrapped(address), policy):
        return None
    return what


def _allowed(address: Address, policy: HttpPolicy) -> bool:
    return any(address in network for network in policy.allow_private)


def forbidden(host: str, address: str, what: str) -> Fault:
    """The fault of a call whose every address is refused."""
    leads = "" if address == host else f" leads to {address}, which"
    fault = Fault(FaultKind.AUTHORIZATION, f"calls to {host} are refused: it{leads} is {what}; {_HINT}")
    fault.hint = _HINT
    return fault
