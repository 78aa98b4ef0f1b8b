"""What an operator allows outgoing calls to do, and how the settings spell it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeAlias

from pgworker.errors import SettingsError

Network: TypeAlias = IPv4Network | IPv6Network

EVERY_NETWORK: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))

_NETWORKS_HINT = "PGWORKER_HTTP_ALLOW_PRIVATE is 'all' or a list such as 127.0.0.0/8,10.0.0.0/8,fd00::/8"
_CONNECT_TO_HINT = (
    "PGWORKER_HTTP_CONNECT_TO is a list of HOST:PORT:HOST2:PORT2; an empty HOST or PORT matches any, "
    "an empty HOST2 or PORT2 leaves it as it is, an IPv6 address stands in brackets"
)
_CONNECT_TO = re.compile(
    r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>\d*):(?P<to_host>\[[^\]]*\]|[^:\[\]]*):(?P<to_port>\d*)"
)


@dataclass(frozen=True, slots=True)
class ConnectTo:
    """Connections meant for ``host:port`` go to ``to_host:to_port``; None matches any, or changes nothing.

    Only the TCP connection moves: the Host header and the name in the certificate stay those of the URI.
    """

    host: str | None
    port: int | None
    to_host: str | None
    to_port: int | None


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """The limits of every HTTP call; timeouts in seconds, sizes in bytes.

    ``total_timeout`` covers one call with its redirects and its body, ``max_response_bytes`` the body after
    decompression, and ``connections`` how many calls are in flight at once (more wait their turn), to one
    host ``host_connections``: of these a redirect, a session of MCP and a message that is published is one
    as well, and a subscription none. After so many ``failures`` in a row a host is not called for a while.
    0 is no bound.
    """

    allow_private: tuple[Network, ...] = ()
    allow_every_address: bool = False
    connect_to: tuple[ConnectTo, ...] = ()
    ca_file: Path | None = None
    connect_timeout: float = 5.0
    total_timeout: float = 30.0
    max_response_bytes: int = 4 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_redirects: int = 5
    connections: int = 256
    host_connections: int = 0
    failures: int = 0


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of ``PGWORKER_HTTP_ALLOW_PRIVATE``; ``all`` is every address, empty text is none.

    Raises ``SettingsError`` for what is not a network.

    >>> parse_networks("127.0.0.0/8, ::1")
    (IPv4Network('127.0.0.0/8'), IPv6Network('::1/128'))
    """
    if text.strip().lower() == "all":
        return EVERY_NETWORK
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is not a network: {error}", hint=_NETWORKS_HINT) from error


def parse_connect_to(text: str) -> tuple[ConnectTo, ...]:
    """The rules of ``PGWORKER_HTTP_CONNECT_TO``, as for curl's ``--connect-to``; the first match counts.

    Raises ``SettingsError`` for what is not such a rule.

    >>> parse_connect_to("api.example.com:443:127.0.0.1:8443")[0].to_port
    8443
    """
    return tuple(_connect_to(part.strip()) for part in text.split(",") if part.strip())


def _connect_to(text: str) -> ConnectTo:
    found = _CONNECT_TO.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is not HOST:PORT:HOST2:PORT2", hint=_CONNECT_TO_HINT)
    return ConnectTo(
        host=_host(found["host"]),
        port=_port(found["port"], text),
        to_host=_host(found["to_host"]),
        to_port=_port(found["to_port"], text),
    )


def _host(text: str) -> str | None:
    return text.strip("[]").rstrip(".").lower() or None


def _port(text: str, rule: str) -> int | None:
    if not text:
        return None
    if not 0 < int(text) < 65536:
        raise SettingsError(f"{text} in {rule!r} is not a port", hint=_CONNECT_TO_HINT)
    return int(text)
