"""Kafka: records of a topic; a group of consumers goes on where it has left off."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pgworker.activities.asyncapi.broker import Login, client_of, host_of, login_of, told
from pgworker.activities.asyncapi.kafka_door import Door
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.asyncapi.target import Server
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction
from pgworker.activities.secrets import SecretProvider
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

_Options = dict[str, object]

KEY_HEADER: Final = "idempotency-key"
"""By this header a consumer knows a message again that was published twice."""

_PORT = 9092
_ENCRYPTED = "kafka-secure"
_CLOSE_SECONDS = 2.0
_LAST_SECONDS = 10.0
_FETCH_BYTES = 1024 * 1024
_SESSION_MILLISECONDS = 6000
"""The least that brokers take: so much later others get what a worker that died had not committed."""

_MECHANISMS: Final = {"scramSha256": "SCRAM-SHA-256", "scramSha512": "SCRAM-SHA-512"}


class _Client(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


C = TypeVar("C", bound=_Client)


@dataclass(frozen=True, slots=True)
class _Token:
    """What the client asks for the token of a login."""

    text: str

    async def token(self) -> str:
        return self.text


class KafkaLink:
    """Connects for each activity anew."""

    def __init__(self, policy: HttpPolicy, secrets: SecretProvider) -> None:
        self._policy = policy
        self._secrets = secrets
        self._stopping: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Waits for the clients that have not ended yet, though not for ever."""
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=_LAST_SECONDS)

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``; returns once all replicas in sync have the message."""
        module = client_of("aiokafka", "kafka")
        headers = {"content-type": message.content_type, KEY_HEADER: message.key, **message.headers}
        key = _chosen(contact.target.bindings.get("key"))

        def producer(options: _Options) -> AIOKafkaProducer:
            return module.AIOKafkaProducer(
                acks="all",
                enable_idempotence=True,
                request_timeout_ms=int(self._policy.total_timeout * 1000),
                **options,
            )

        async with self._opened(contact, producer) as (client, door, _):
            await door.through(
                client.send_and_wait(
                    _topic(contact),
                    message.body,
                    key=None if key is None else key.encode(),
                    headers=[(name, value.encode()) for name, value in headers.items()],
                )
            )
        return None

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Subscribed]:
        """See ``Link``; begins where the group has left off, or else with what comes from now on."""
        module = client_of("aiokafka", "kafka")
        group = _chosen(contact.target.bindings.get("groupId"))

        def consumer(options: _Options) -> AIOKafkaConsumer:
            return module.AIOKafkaConsumer(
                _topic(contact),
                group_id=group,
                auto_offset_reset="latest",
                enable_auto_commit=False,
                session_timeout_ms=_SESSION_MILLISECONDS,
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_bytes=_FETCH_BYTES,
                **options,
            )

        async with self._opened(contact, consumer) as (client, door, redaction):
            await door.through(_placed(client))
            subscribed = _Subscribed(
                client, door, module.TopicPartition, redaction, in_group=group is not None
            )
            try:
                yield subscribed
            finally:
                await subscribed.end()

    @asynccontextmanager
    async def _opened(
        self, contact: Contact, make: Callable[[_Options], C]
    ) -> AsyncIterator[tuple[C, Door, Redaction]]:
        errors = client_of("aiokafka.errors", "kafka")
        server = contact.target.server
        login = await login_of(contact.authentication, self._secrets)
        door = Door(self._policy, encrypted=server.protocol == _ENCRYPTED)
        options: _Options = {
            "bootstrap_servers": _bootstrap(server),
            "client_id": _chosen(contact.target.bindings.get("clientId")) or "pgworker",
            **_security(server, login),
        }
        with told(f"{server.protocol}://{server.host}", login, errors.KafkaError):
            client = make(options)
            try:
                await _started(client, door, errors.KafkaConnectionError)
                yield client, door, login.redaction
            finally:
                await self._stop(door.begin(client.stop()))

    async def _stop(self, stopping: asyncio.Task[None]) -> None:
        """Waits for the end of a client, but for long only beside other work.

        One that has lost its broker has things to say yet, and what is cut off leaves its connections open.
        """
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.wait([stopping], timeout=_CLOSE_SECONDS)


async def _started(client: _Client, door: Door, unreachable: type[Exception]) -> None:
    try:
        await door.through(client.start())
    except unreachable as error:
        if door.last is None:
            raise
        raise Fault(FaultKind.COMMUNICATION, door.last) from error  # the client does not say why


async def _placed(client: AIOKafkaConsumer) -> None:
    """Finds out from where on messages are consumed, which the client puts off until it consumes some."""
    for partition in client.assignment():
        await client.position(partition)


class _Subscribed:
    """Of what was fetched ahead nothing counts as taken that was not asked for."""

    def __init__(
        self,
        client: AIOKafkaConsumer,
        door: Door,
        partition: type[TopicPartition],
        redaction: Redaction,
        *,
        in_group: bool,
    ) -> None:
        self._client = client
        self.redaction = redaction
        self._door = door
        self._partition = partition
        self._in_group = in_group
        self._taken: dict[TopicPartition, int] = {}
        self._coming: asyncio.Task[ConsumerRecord] | None = None

    async def next(self) -> Inbound:
        # who is cancelled has not got the message: the next one who asks gets it
        if self._coming is None:
            self._coming = self._door.begin(self._client.getone())
        record = await self._door.settled(self._coming)
        self._coming = None
        self._taken[self._partition(record.topic, record.partition)] = record.offset + 1
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
        return Inbound(record.value or b"", headers)

    async def acknowledge(self) -> None:
        ours = self._client.assignment()
        taken = {where: offset for where, offset in self._taken.items() if where in ours}
        self._taken = {}
        if self._in_group and taken:
            # a group that was divided anew gives what was not committed in time to others, once more
            with suppress(client_of("aiokafka.errors", "kafka").CommitFailedError):
                await self._door.through(self._client.commit(taken))

    async def end(self) -> None:
        """Asks for nothing any more."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)


def _topic(contact: Contact) -> str:
    return _chosen(contact.target.bindings.get("topic")) or contact.target.address


def _chosen(binding: JsonValue) -> str | None:
    """The text of a binding, which may be the schema of one: what it is said to be, first of all."""
    match binding:
        case str():
            return binding
        case {"const": str(text)} | {"default": str(text)} | {"enum": [str(text), *_]}:
            return text
        case _:
            return None


def _bootstrap(server: Server) -> str:
    host, port = host_of(server, _PORT)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _security(server: Server, login: Login) -> _Options:
    """What the client is to do about TLS and logins."""
    encrypted = server.protocol == _ENCRYPTED
    below = "SSL" if encrypted else "PLAINTEXT"
    # the client insists on one; each connection gets that of its own host
    tls: _Options = {"ssl_context": ssl.create_default_context()} if encrypted else {}
    if login.token is not None:
        client_of("aiokafka.abc", "kafka").AbstractTokenProvider.register(_Token)
        mechanism: _Options = {
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_oauth_token_provider": _Token(login.token),
        }
    elif login.user is not None:
        wanted = next((_MECHANISMS[one] for one in server.security if one in _MECHANISMS), "PLAIN")
        mechanism = {
            "sasl_mechanism": wanted,
            "sasl_plain_username": login.user,
            "sasl_plain_password": login.password,
        }
    else:
        return {"security_protocol": below, **tls}
    return {"security_protocol": f"SASL_{below}", **tls, **mechanism}
