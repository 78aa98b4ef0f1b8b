"""NATS: a message is published under a subject, and received by those who listen just then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from pgworker.activities.asyncapi.broker import client_of, login_of, reach, told
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction
from pgworker.activities.secrets import SecretProvider
from pgworker.types import JsonValue

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

_PORT = 4222
_CLOSE_SECONDS = 1.0


class NatsLink:
    """Connects for each activity anew, never again: core NATS keeps nothing for those who are away."""

    def __init__(self, policy: HttpPolicy, secrets: SecretProvider) -> None:
        self._policy = policy
        self._secrets = secrets

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``; the key travels as ``Nats-Msg-Id``, by which JetStream knows a message again."""
        headers = {"Content-Type": message.content_type, "Nats-Msg-Id": message.key, **message.headers}
        async with self._connected(contact) as (client, _):
            await client.publish(contact.target.address, message.body, headers=headers)
            await client.flush()
        return None

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Subscribed]:
        """See ``Link``."""
        async with self._connected(contact) as (client, redaction):
            queue = str(contact.target.bindings.get("queue", ""))
            subscription = await client.subscribe(contact.target.address, queue=queue)
            await client.flush()
            yield _Subscribed(client, subscription, redaction)

    @asynccontextmanager
    async def _connected(self, contact: Contact) -> AsyncIterator[tuple[Client, Redaction]]:
        nats, errors = client_of("nats", "nats"), client_of("nats.errors", "nats")
        server = contact.target.server
        place = await reach(server, self._policy, _PORT, encrypted=server.protocol == "tls")
        login = await login_of(contact.authentication, self._secrets)
        host = f"[{place.address}]" if ":" in place.address else place.address
        client = nats.NATS()
        try:
            with told(f"nats://{server.host}", login, errors.Error):
                await client.connect(
                    f"nats://{host}:{place.port}",
                    user=login.user,
                    password=login.password,
                    token=login.token,
                    tls=place.tls,
                    tls_hostname=place.name if place.tls is not None else None,
                    connect_timeout=self._policy.connect_timeout,
                    allow_reconnect=False,
                    error_cb=_heard,
                )
                yield client, login.redaction
        finally:
            # one that could not log in holds its connection open, too; the client waits in vain for the end
            # of one on which TLS failed, which is closed by then
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.close()


async def _heard(error: Exception) -> None:
    """What goes wrong is raised where it is waited for, and not told twice."""


class _Subscribed:
    def __init__(self, client: Client, subscription: Subscription, redaction: Redaction) -> None:
        self._client = client
        self.redaction = redaction
        self._subscription = subscription

    async def next(self) -> Inbound:
        while True:
            if self._client.is_closed:
                raise ConnectionError("the connection was closed")
            try:
                message = await self._subscription.next_msg(timeout=1.0)
            except TimeoutError:
                await asyncio.sleep(0)
                continue
            return Inbound(message.data, dict(message.headers or {}))

    async def acknowledge(self) -> None:
        """There is nothing to tell."""
