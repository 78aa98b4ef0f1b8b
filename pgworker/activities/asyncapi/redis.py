"""Redis: a channel of publish and subscribe, which keeps nothing for those who are away."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pgworker.activities.asyncapi.broker import client_of, login_of, reach, told
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction
from pgworker.activities.secrets import SecretProvider
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

if TYPE_CHECKING:
    from redis.asyncio import Connection, Redis, SSLConnection
    from redis.asyncio.client import PubSub

_PORT = 6379


class RedisLink:
    """Connects for each activity anew. A message is its payload alone: there are no headers."""

    def __init__(self, policy: HttpPolicy, secrets: SecretProvider) -> None:
        self._policy = policy
        self._secrets = secrets

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``."""
        if message.headers:
            raise Fault(FaultKind.CONFIGURATION, "a message of Redis has no headers")
        async with self._connected(contact) as (client, _):
            await client.publish(contact.target.address, message.body)
        return None

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Subscribed]:
        """See ``Link``."""
        async with self._connected(contact) as (client, redaction), client.pubsub() as subscription:
            await subscription.subscribe(contact.target.address)
            yield _Subscribed(subscription, redaction)

    @asynccontextmanager
    async def _connected(self, contact: Contact) -> AsyncIterator[tuple[Redis, Redaction]]:
        module, errors = client_of("redis.asyncio", "redis"), client_of("redis.exceptions", "redis")
        server = contact.target.server
        place = await reach(server, self._policy, _PORT, encrypted=server.protocol == "rediss")
        login = await login_of(contact.authentication, self._secrets)
        pool = module.ConnectionPool(
            connection_class=_connecting(place.tls),
            host=place.address,
            port=place.port,
            username=login.user,
            password=login.password if login.token is None else login.token,
            socket_connect_timeout=self._policy.connect_timeout,
            socket_timeout=None,
        )
        client = module.Redis.from_pool(pool)
        try:
            with told(f"{server.protocol}://{server.host}", login, errors.RedisError):
                yield client, login.redaction
        finally:
            await client.aclose()


def _connecting(tls: ssl.SSLContext | None) -> Callable[..., Connection]:
    """What makes a connection; over TLS the client has to take our certificates for its own."""
    module = client_of("redis.asyncio", "redis")
    if tls is None:
        plain: Callable[..., Connection] = module.Connection
        return plain

    def connection(**options: object) -> Connection:
        made: SSLConnection = module.SSLConnection(**options)
        made.ssl_context.context = tls
        return made

    return connection


class _Subscribed:
    def __init__(self, subscription: PubSub, redaction: Redaction) -> None:
        self._subscription = subscription
        self.redaction = redaction

    async def next(self) -> Inbound:
        while True:
            message = await self._subscription.get_message(ignore_subscribe_messages=True, timeout=1.0)
            if message is not None:
                return Inbound(message["data"])

    async def acknowledge(self) -> None:
        """There is nothing to tell."""
