"""Where TCP connections go: to addresses that were resolved once and checked, and nowhere else."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ssl import SSLContext

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from aiohttp.tracing import Trace

from pgworker.activities.addresses import forbidden, refusal
from pgworker.activities.media import printable
from pgworker.activities.policy import ConnectTo, HttpPolicy
from pgworker.errors import Fault, FaultKind

# Shorter than the idle timeouts of the usual servers (2 s and up): whoever closes an idle connection first
# should be us, since a request that meets a closing connection fails and must not be sent twice.
_IDLE_SECONDS = 1.5

# What the connection that is being made in this task may reach. The socket is only created for an address in
# here, so that nothing connects unchecked, not even should aiohttp stop calling `_resolve_host` one day.
_CHECKED: ContextVar[frozenset[tuple[str, int]]] = ContextVar("checked", default=frozenset())


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connection goes; ``trusted`` if the operator named that very host."""

    host: str
    port: int
    trusted: bool


def destination(rules: Sequence[ConnectTo], host: str, port: int) -> Destination:
    """What the first matching rule makes of a host and a port."""
    name = host.rstrip(".").lower()
    for rule in rules:
        if rule.host in (None, name) and rule.port in (None, port):
            return Destination(rule.to_host or host, rule.to_port or port, rule.to_host is not None)
    return Destination(host, port, trusted=False)


class SystemResolver(AbstractResolver):
    """``getaddrinfo`` in a thread: /etc/hosts and DNS, and every odd spelling of an address made plain."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host; raises ``OSError`` if it has none."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        except UnicodeError as error:  # a label that is empty or longer than DNS allows
            raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held open."""


class GuardedConnector(aiohttp.TCPConnector):
    """Connects only to addresses that the policy permits, and keeps idle connections for a moment.

    ``tls`` holds the certificates to trust, None for the system's; ``names`` resolves, by default as the
    system does.
    """

    def __init__(
        self, policy: HttpPolicy, tls: SSLContext | None, names: AbstractResolver | None = None
    ) -> None:
        self._policy = policy
        self._names = names or SystemResolver()
        super().__init__(
            resolver=self._names,
            socket_factory=_checked_socket,
            ssl=True if tls is None else tls,
            limit=0,
            keepalive_timeout=_IDLE_SECONDS,
        )

    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[Trace] | None = None
    ) -> list[ResolveResult]:
        """Where to connect for a host; raises ``Fault`` if every address of it is refused.

        aiohttp asks here for each new connection, redirects and addresses in digits included, and connects to
        what is returned without resolving again, so that a name cannot change in between.
        """
        target = destination(self._policy.connect_to, _named(host), port)
        found = await self._look_up(target, traces)
        if not target.trusted:
            found = _permitted(target.host, found, self._policy)
        _CHECKED.set(frozenset((result["host"], result["port"]) for result in found))
        return found

    async def _look_up(self, target: Destination, traces: Sequence[Trace] | None) -> list[ResolveResult]:
        if ":" in target.host or target.host.replace(".", "").isdigit():
            # aiohttp takes these as they are; getaddrinfo says what 127.1 and 2130706433 mean.
            return await self._names.resolve(target.host, target.port)
        return await super()._resolve_host(target.host, target.port, traces)


async def addresses_of(
    host: str, port: int, policy: HttpPolicy, names: AbstractResolver | None = None
) -> list[tuple[str, int]]:
    """The addresses and ports that a client of another protocol may connect to, and no others.

    Raises ``Fault``: authorization if every address is refused, communication if there is none.
    """
    target = destination(policy.connect_to, _named(host), port)
    try:
        found = await (names or SystemResolver()).resolve(target.host, target.port)
    except OSError as error:
        reason = printable(error.strerror or str(error))
        raise Fault(FaultKind.COMMUNICATION, f"the host {host} cannot be resolved: {reason}") from error
    if not target.trusted:
        found = _permitted(target.host, found, policy)
    return [(result["host"], result["port"]) for result in found]


def _named(host: str) -> str:
    """A host as it is resolved: a URI writes the zone of an address behind ``%25``."""
    return host.replace("%25", "%")


def _permitted(host: str, found: list[ResolveResult], policy: HttpPolicy) -> list[ResolveResult]:
    refused = [(result["host"], refusal(result["host"], policy)) for result in found]
    permitted = [result for result, (_, what) in zip(found, refused, strict=True) if what is None]
    if not permitted:
        address, what = refused[0] if refused else (host, "without an address")
        raise forbidden(host, address, what or "refused")
    return permitted


def _checked_socket(address: AddrInfoType) -> socket.socket:
    family, kind, proto, _, sockaddr = address
    if (sockaddr[0], sockaddr[1]) not in _CHECKED.get():
        raise OSError(errno.EACCES, f"{sockaddr[0]} was not checked")
    return socket.socket(family, kind, proto)
