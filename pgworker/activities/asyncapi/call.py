"""``call: asyncapi``: the document loaded, the target found, a message published or some consumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pgworker.activities.asyncapi.amqp import AmqpLink
from pgworker.activities.asyncapi.consumption import Consumption, consumption
from pgworker.activities.asyncapi.document import Wish, find_target
from pgworker.activities.asyncapi.http import HttpLink
from pgworker.activities.asyncapi.kafka import KafkaLink
from pgworker.activities.asyncapi.link import Contact, Link, Receiver
from pgworker.activities.asyncapi.messages import Outbound, outbound, value_of
from pgworker.activities.asyncapi.mqtt import MqttLink
from pgworker.activities.asyncapi.nats import NatsLink
from pgworker.activities.asyncapi.redis import RedisLink
from pgworker.activities.asyncapi.servers import spoken
from pgworker.activities.asyncapi.sessions import Sessions
from pgworker.activities.asyncapi.target import Target
from pgworker.activities.asyncapi.websocket import WebSocketLink
from pgworker.activities.evaluation import Evaluate
from pgworker.activities.http import HttpCaller
from pgworker.activities.openapi.references import opened
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.progress import count
from pgworker.activities.resources import ResourceLoader
from pgworker.activities.secrets import SecretProvider, StoredSecrets
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


class AsyncApiCaller:
    """Publishes to and consumes from what AsyncAPI documents describe: 2.x and 3.x."""

    def __init__(
        self,
        http: HttpCaller,
        loader: ResourceLoader,
        policy: HttpPolicy,
        secrets: SecretProvider | None,
        evaluate: Evaluate,
    ) -> None:
        self._loader = loader
        self._evaluate = evaluate
        self._policy = policy
        self._sessions = Sessions()
        provider = secrets or StoredSecrets(environment={})
        self._kafka = KafkaLink(policy, provider)
        self._links: dict[str, Link] = {
            "http": HttpLink(http, policy.max_response_bytes),
            "ws": WebSocketLink(http, policy.max_response_bytes),
            "nats": NatsLink(policy, provider),
            "redis": RedisLink(policy, provider),
            "mqtt": MqttLink(policy, provider),
            "amqp": AmqpLink(policy, provider),
            "kafka": self._kafka,
        }

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Makes the call that the evaluated arguments describe.

        Returns what the other side says to a published message, null if nothing, or the array of the consumed
        ones. Raises ``Fault``: configuration for a document or a call that cannot be used, authorization for
        an address that is refused, communication for everything that goes wrong on the way.
        """
        target = await self._target(arguments)
        link = self._links.get(spoken(target.server.protocol))
        if link is None:
            known = ", ".join(self._links)
            raise _wrong(f"this worker speaks {known}, and not {target.server.protocol[:40]!r}")
        contact = Contact(target, arguments.get("authentication"), idempotency_key)
        if "message" in arguments:
            message = outbound(arguments["message"], target, idempotency_key)
            return await self._publish(link, contact, message)
        wanted = consumption(arguments.get("subscription"), self._policy.max_response_bytes, self._evaluate)
        if not await wanted.wants_more([]):
            return []
        if wanted.session is None:
            async with self._receive(link, contact) as receiver:
                consumed = await _consume(receiver, wanted, target)
                await receiver.acknowledge()
            return consumed
        async with self._sessions.open(wanted.session, lambda: self._receive(link, contact)) as session:
            consumed = await _consume(session.receiver, wanted, target)
            session.stays = bool(consumed)
        return consumed

    async def close(self) -> None:
        """Closes the subscriptions that wait for another activity."""
        await self._sessions.close()
        await self._kafka.close()

    async def _publish(self, link: Link, contact: Contact, message: Outbound) -> JsonValue:
        async with self._in_time("the message was not published"):
            return await link.publish(contact, message)

    @asynccontextmanager
    async def _receive(self, link: Link, contact: Contact) -> AsyncIterator[Receiver]:
        """An open subscription; raises ``Fault`` if the peer has said nothing for too long."""
        async with AsyncExitStack() as stack:
            async with self._in_time("nothing could be received"):
                receiver = await stack.enter_async_context(link.receive(contact))
            yield receiver

    @asynccontextmanager
    async def _in_time(self, otherwise: str) -> AsyncIterator[None]:
        """Keeps the total timeout; ``otherwise`` is what is told of the peer that does not."""
        seconds = self._policy.total_timeout
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            detail = f"{otherwise} within {seconds:g} s (the total timeout)"
            raise Fault(FaultKind.COMMUNICATION, detail) from error

    async def _target(self, arguments: JsonObject) -> Target:
        root, references = await opened(arguments.get("document"), self._loader, "AsyncAPI")
        return await find_target(root, references, _wish(arguments))


def _wish(arguments: JsonObject) -> Wish:
    server = arguments.get("server")
    chosen: JsonObject = server if isinstance(server, dict) else {}
    variables = chosen.get("variables")
    return Wish(
        channel=_text(arguments, "channel"),
        operation=_text(arguments, "operation"),
        server=_text(chosen, "name"),
        variables=variables if isinstance(variables, dict) else {},
        protocol=_text(arguments, "protocol"),
        publishes="message" in arguments,
    )


async def _consume(receiver: Receiver, wanted: Consumption, target: Target) -> list[JsonValue]:
    """The messages that count, until there are enough of them or the time is over."""
    consumed: list[JsonValue] = []
    limit = asyncio.timeout(wanted.seconds)
    try:
        async with limit:
            while await wanted.wants_more(consumed):
                message = (await receiver.next()).without(receiver.redaction)
                count(len(message.body), messages=1)
                value = value_of(message, target)
                if await wanted.accepts(value, consumed):
                    wanted.weigh(len(message.body))
                    consumed.append(value)
                await asyncio.sleep(0)  # a flood of messages must not keep the worker from its leases
    except TimeoutError:
        if not limit.expired():
            raise
    return consumed


def _text(arguments: JsonObject, name: str) -> str | None:
    value = arguments.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(f"the {name} of an AsyncAPI call must be a text")
    return value


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
