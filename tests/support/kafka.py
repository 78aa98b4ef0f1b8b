"""A Kafka cluster on loopback, and gates before its brokers that ask for certificates or passwords.

The brokers are those that librdkafka carries for its own tests: they speak the real protocol, but neither TLS
nor SASL. A gate is a relay that adds them, as Kafka does before anything else is said.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiokafka.protocol.admin import ApiVersionResponse_v0, SaslHandShakeResponse_v1
from confluent_kafka import Producer
from scramp import ScramException, ScramMechanism

_API_VERSIONS, _HANDSHAKE, _AUTHENTICATE = 18, 17, 36
_REFUSED = 58  # SASL_AUTHENTICATION_FAILED
_UNSUPPORTED = 33  # UNSUPPORTED_SASL_MECHANISM


@contextmanager
def cluster(brokers: int = 2) -> Iterator[list[int]]:
    """The ports of the brokers; topics are there as soon as somebody asks for them."""
    owner = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": brokers, "log_level": 0})
    ports = sorted(broker.port for broker in owner.list_topics(timeout=10).brokers.values())
    yield ports
    del owner


Rewrite = Callable[[bytes], bytes]


@dataclass
class Gate:
    """One relay; ``taken`` counts the connections, ``logins`` are what clients said to be let in."""

    broker: int
    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    secret: tuple[str, str] = ("", "")
    rewrite: Rewrite = field(default=lambda answer: answer)
    port: int = 0
    taken: int = 0
    logins: list[str] = field(default_factory=list)
    serving: list[asyncio.Task[None]] = field(default_factory=list)
    _open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lets one client in, if it may, and hands on what it and the broker say."""
        self.taken += 1
        serving = asyncio.current_task()
        assert serving is not None
        self.serving.append(serving)
        self._open.append(writer)
        behind, before = await asyncio.open_connection("127.0.0.1", self.broker)
        try:
            if (
                self.mechanism is not None
                and not await _Login(self, reader, writer, behind, before).succeeds()
            ):
                return
            await asyncio.gather(_copy(reader, before), self._answer(behind, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # one of them has left
        finally:
            before.close()
            writer.close()

    def cut(self) -> None:
        """Breaks off all connections."""
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _answer(self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _send(writer, self.rewrite(await _frame(behind)))
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def opened(gate: Gate) -> AsyncIterator[Gate]:
    """A gate before a broker, on a port of its own."""
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0, ssl=gate.tls)
    gate.port = server.sockets[0].getsockname()[1]
    try:
        yield gate
    finally:
        server.close()
        gate.cut()
        for serving in gate.serving:
            serving.cancel()
        await asyncio.gather(*gate.serving, return_exceptions=True)


class _Login:
    """The talk before a client is let in: versions, a handshake, and what the mechanism asks for."""

    def __init__(self, gate: Gate, reader, writer, behind, before) -> None:
        self._gate = gate
        self._reader, self._writer = reader, writer
        self._behind, self._before = behind, before
        self._scram = None

    async def succeeds(self) -> bool:
        while True:
            request = await _frame(self._reader)
            api, _, correlation, client = struct.unpack(">hhih", request[:10])
            head, body = struct.pack(">i", correlation), request[10 + max(client, 0) :]
            if api == _API_VERSIONS:
                _send(self._before, request)
                _send(self._writer, head + _with_sasl(await _frame(self._behind)))
            elif api == _HANDSHAKE:
                known = body[2:].decode() == self._gate.mechanism
                answer = SaslHandShakeResponse_v1(0 if known else _UNSUPPORTED, [self._gate.mechanism])
                _send(self._writer, head + answer.encode())
            elif api == _AUTHENTICATE:
                error, told, ended = self._step(body[4:])
                _send(self._writer, head + struct.pack(">hhi", error, -1, len(told)) + told)
                if ended:
                    await self._writer.drain()
                    return not error
            else:
                raise AssertionError(f"the request {api} came before the login")

    def _step(self, told: bytes) -> tuple[int, bytes, bool]:
        user, password = self._gate.secret
        self._gate.logins.append(told.decode())
        if self._gate.mechanism == "PLAIN":
            return (0 if told.split(b"\0")[1:] == [user.encode(), password.encode()] else _REFUSED), b"", True
        if self._gate.mechanism == "OAUTHBEARER":
            return (0 if f"auth=Bearer {password}\1".encode() in told else _REFUSED), b"", True
        if self._scram is None:
            mechanism = ScramMechanism(self._gate.mechanism)
            known = mechanism.make_auth_info(password, iteration_count=4096)
            self._scram = mechanism.make_server(lambda _: known)
            self._scram.set_client_first(told.decode())
            return 0, self._scram.get_server_first().encode(), False
        try:
            self._scram.set_client_final(told.decode())
        except ScramException:
            return _REFUSED, b"", True
        return 0, self._scram.get_server_final().encode(), True


def announcing(host: str) -> Rewrite:
    """Makes a gate say that the brokers are on another host of the same length as 127.0.0.1."""
    return lambda answer: answer.replace(b"127.0.0.1", host.encode())


def _with_sasl(answer: bytes) -> bytes:
    """The versions that a broker knows, and those of the login."""
    versions = ApiVersionResponse_v0.decode(answer[4:])
    told = [*versions.api_versions, (_HANDSHAKE, 1, 1), (_AUTHENTICATE, 0, 0)]
    return ApiVersionResponse_v0(versions.error_code, told).encode()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def _send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(struct.pack(">i", len(frame)) + frame)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(64 * 1024):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()
