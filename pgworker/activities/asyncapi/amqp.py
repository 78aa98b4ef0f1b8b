"""AMQP 0-9-1: messages go to an exchange or a queue, and come from a queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pgworker.activities.asyncapi.broker import client_of, login_of, reach, told
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction
from pgworker.activities.secrets import SecretProvider
from pgworker.types import JsonObject, JsonValue

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

_PORTS = {False: 5672, True: 5671}
_POLL_SECONDS = 0.1


class AmqpLink:
    """Takes messages one by one, none ahead, and acknowledges them together when the call has enough.

    What was taken by a worker that vanishes before goes back to the queue.
    """

    def __init__(self, policy: HttpPolicy, secrets: SecretProvider) -> None:
        self._policy = policy
        self._secrets = secrets

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``; the broker confirms it, and refuses what would reach no queue."""
        pika = client_of("aio_pika", "amqp")
        async with self._channel(contact) as (channel, _):
            sent = pika.Message(
                message.body,
                headers=dict(message.headers),
                content_type=message.content_type,
                message_id=message.key,
                delivery_mode=pika.DeliveryMode.PERSISTENT,
            )
            exchange = _named(contact.target.bindings.get("exchange"))
            where = channel.default_exchange
            if exchange:
                where = await channel.get_exchange(exchange, ensure=False)
            queue = _named(contact.target.bindings.get("queue"))
            key = contact.target.address if exchange or not queue else queue
            await where.publish(sent, routing_key=key)
        return None

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Taken]:
        """See ``Link``."""
        name = _named(contact.target.bindings.get("queue")) or contact.target.address
        async with self._channel(contact) as (channel, redaction):
            yield _Taken(await channel.get_queue(name), redaction)

    @asynccontextmanager
    async def _channel(self, contact: Contact) -> AsyncIterator[tuple[AbstractChannel, Redaction]]:
        pika, errors = client_of("aio_pika", "amqp"), client_of("aio_pika.exceptions", "amqp")
        server = contact.target.server
        encrypted = server.protocol == "amqps"
        place = await reach(server, self._policy, _PORTS[encrypted], encrypted=encrypted)
        login = await login_of(contact.authentication, self._secrets)
        with told(f"{server.protocol}://{server.host}", login, errors.AMQPError):
            connection = await pika.connect(
                host=place.address,
                port=place.port,
                login=login.user or "guest",
                password=login.password or login.token or "guest",
                virtualhost=server.path.removeprefix("/") or "/",
                ssl=encrypted,
                ssl_context=place.tls,
                timeout=self._policy.connect_timeout,
            )
            async with connection, connection.channel(on_return_raises=True) as channel:
                yield channel, login.redaction


def _named(binding: JsonValue) -> str:
    described: JsonObject = binding if isinstance(binding, dict) else {}
    return str(described.get("name") or "")


class _Taken:
    def __init__(self, queue: AbstractQueue, redaction: Redaction) -> None:
        self._queue = queue
        self.redaction = redaction
        self._last: AbstractIncomingMessage | None = None

    async def next(self) -> Inbound:
        while True:
            message = await self._queue.get(fail=False)
            if message is not None:
                self._last = message
                headers = {name: str(value) for name, value in message.headers.items()}
                return Inbound(message.body, headers, message.correlation_id)
            await asyncio.sleep(_POLL_SECONDS)

    async def acknowledge(self) -> None:
        if self._last is not None:
            await self._last.ack(multiple=True)
