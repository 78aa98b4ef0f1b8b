"""MQTT: a topic, at a quality of service of which 1 is the default: at least once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
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
    from aiomqtt import Client

_PORTS = {False: 1883, True: 8883}
_MOST_WAITING = 10_000
_ENCRYPTED = ("mqtts", "secure-mqtt")


class MqttLink:
    """Connects for each activity anew, under an id that all attempts of the activity share.

    A message of MQTT 3.1.1 is its payload alone: there are no headers.
    """

    def __init__(self, policy: HttpPolicy, secrets: SecretProvider) -> None:
        self._policy = policy
        self._secrets = secrets

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """See ``Link``; returns once the broker has taken it over."""
        if message.headers:
            raise Fault(FaultKind.CONFIGURATION, "a message of MQTT has no headers")
        retain = bool(contact.target.bindings.get("retain", False))
        async with self._connected(contact) as (client, _):
            await client.publish(contact.target.address, message.body, qos=_qos(contact), retain=retain)
        return None

    @asynccontextmanager
    async def receive(self, contact: Contact) -> AsyncIterator[_Subscribed]:
        """See ``Link``."""
        async with self._connected(contact) as (client, redaction):
            await client.subscribe(contact.target.address, qos=_qos(contact))
            yield _Subscribed(client, redaction)

    @asynccontextmanager
    async def _connected(self, contact: Contact) -> AsyncIterator[tuple[Client, Redaction]]:
        module = client_of("aiomqtt", "mqtt")
        server = contact.target.server
        encrypted = server.protocol in _ENCRYPTED
        place = await reach(server, self._policy, _PORTS[encrypted], encrypted=encrypted)
        login = await login_of(contact.authentication, self._secrets)
        client = module.Client(
            place.address,
            place.port,
            username=login.user,
            password=login.password if login.token is None else login.token,
            identifier=f"pgworker-{sha256(contact.key.encode()).hexdigest()[:14]}",
            clean_session=True,
            tls_context=place.tls,
            timeout=self._policy.connect_timeout,
            max_queued_incoming_messages=_MOST_WAITING,
        )
        with told(f"{server.protocol}://{server.host}", login, module.MqttError):
            async with client:
                yield client, login.redaction


def _qos(contact: Contact) -> int:
    qos = contact.target.bindings.get("qos", 1)
    return qos if isinstance(qos, int) and qos in (0, 1, 2) else 1


class _Subscribed:
    def __init__(self, client: Client, redaction: Redaction) -> None:
        self._messages = aiter(client.messages)
        self.redaction = redaction

    async def next(self) -> Inbound:
        message = await anext(self._messages)
        return Inbound(message.payload)

    async def acknowledge(self) -> None:
        """The client acknowledges what it receives as it arrives."""
