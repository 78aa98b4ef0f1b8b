"""What every protocol can do: publish a message, and receive some."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pgworker.activities.asyncapi.messages import Inbound, Outbound
from pgworker.activities.asyncapi.target import Target
from pgworker.activities.redaction import Redaction
from pgworker.types import JsonValue


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to speak to, as whom, and for which activity: ``key`` is the same for all its attempts."""

    target: Target
    authentication: JsonValue
    key: str


class Receiver(Protocol):
    """A subscription that is open; ``redaction`` is what no result may show of who it says to be."""

    redaction: Redaction

    async def next(self) -> Inbound:
        """The next message, as soon as there is one; raises ``Fault`` when the subscription broke."""

    async def acknowledge(self) -> None:
        """Tells the broker, where the protocol can, that all messages so far need not be sent again."""


class Link(Protocol):
    """A protocol."""

    async def publish(self, contact: Contact, message: Outbound) -> JsonValue:
        """Publishes a message and returns what the other side says to it, null if that is nothing."""

    def receive(self, contact: Contact) -> AbstractAsyncContextManager[Receiver]:
        """Subscribes for as long as the context is open."""
