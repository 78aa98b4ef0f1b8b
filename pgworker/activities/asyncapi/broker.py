"""Brokers: where they are, within the operator's policy, and who one says to be there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from urllib.parse import urlsplit

from pgworker.activities.asyncapi.target import Server
from pgworker.activities.connector import addresses_of
from pgworker.activities.credentials import from_secret
from pgworker.activities.media import printable
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction, hiding, spellings
from pgworker.activities.secrets import SecretProvider
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue


@dataclass(frozen=True, slots=True)
class Place:
    """An address that was checked, and the certificates to trust there if it is to be TLS."""

    name: str
    address: str
    port: int
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Login:
    """Who one says to be; what of it must not be seen is in ``redaction``."""

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    redaction: Redaction = field(default_factory=Redaction, repr=False)


class _NamedContext(ssl.SSLContext):
    """Expects the certificate of the host that was asked for, though the connection goes to an address."""

    host: str = ""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.host, session)

    def wrap_socket(  # noqa: PLR0917 -- as it is there
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        # the handshake at once, as then a socket with which it fails is closed
        return super().wrap_socket(sock, server_side, True, suppress_ragged_eofs, self.host, session)


async def reach(server: Server, policy: HttpPolicy, port: int, *, encrypted: bool) -> Place:
    """Where the connections to a server go; raises ``Fault`` for an address that the policy refuses.

    The clients are given the address, so that the name cannot lead elsewhere when they connect.
    """
    host, port = host_of(server, port)
    return await reach_host(host, port, policy, encrypted=encrypted)


def host_of(server: Server, port: int) -> tuple[str, int]:
    """The host and the port that a server names, or else the usual ``port``; raises ``Fault``."""
    try:
        parts = urlsplit(f"//{server.host}")
        host, port = parts.hostname or "", parts.port or port
    except ValueError as error:
        raise _wrong(f"the server {server.name!r} has no valid host: {error}") from error
    if not host:
        raise _wrong(f"the server {server.name!r} has no host")
    return host, port


async def reach_host(host: str, port: int, policy: HttpPolicy, *, encrypted: bool) -> Place:
    """Where the connections to a host go; see ``reach``."""
    (address, port), *_ = await addresses_of(host, port, policy)
    return Place(host, address, port, _tls(policy, host) if encrypted else None)


def _tls(policy: HttpPolicy, host: str) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.host = host
    if policy.ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=str(policy.ca_file))
    return context


async def login_of(authentication: JsonValue, secrets: SecretProvider) -> Login:
    """The login that an authentication policy asks for; raises ``Fault`` where it cannot be had."""
    if authentication is None:
        return Login()
    if not isinstance(authentication, dict) or len(authentication) != 1:
        raise _wrong("an authentication has one member: basic or bearer")
    scheme, policy = next(iter(authentication.items()))
    if scheme not in ("basic", "bearer") or not isinstance(policy, dict):
        raise _wrong(f"a broker knows basic and bearer authentication, not {scheme[:40]!r}")
    kept = "use" in policy
    if kept:
        policy = await from_secret(scheme, policy, secrets)
    members = ("username", "password") if scheme == "basic" else ("token",)
    texts = [policy.get(member) for member in members]
    told = [text for text in texts if isinstance(text, str)]
    if len(told) < len(texts):
        raise _wrong(f"the {scheme} authentication needs {' and '.join(members)}, as texts")
    hidden = spellings(told[-1:])
    redaction = Redaction(secret=hidden) if kept else Redaction(private=hidden)
    if scheme == "basic":
        return Login(user=told[0], password=told[1], redaction=redaction)
    return Login(token=told[0], redaction=redaction)


def client_of(module: str, extra: str) -> ModuleType:
    """A client's module; raises ``Fault`` (configuration) that names the extra if it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise _wrong(
            f"this worker cannot speak {extra}: install it with `pip install 'pgworker-engine[{extra}]'`"
        ) from error


@contextmanager
def told(where: str, login: Login, errors: type[Exception]) -> Iterator[None]:
    """Makes a fault of what a client raises, without what of the login must not be seen."""
    try:
        yield
    except Fault as refused:
        refused.detail = login.redaction.message(refused.detail)
        raise
    except (errors, OSError) as error:
        with hiding(login.redaction):
            fault = communication(f"{where} failed", error)
        fault.detail = login.redaction.message(fault.detail)
        raise fault from error


def communication(what: str, error: BaseException) -> Fault:
    """The fault of a connection that could not be made, or broke."""
    return Fault(FaultKind.COMMUNICATION, f"{what}: {printable(str(error) or type(error).__name__)}")


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
