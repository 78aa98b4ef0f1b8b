"""Where messages go to or come from, whichever version of AsyncAPI describes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgworker.types import JsonObject


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the document, its variables filled in: ``host`` may carry a port, ``path`` may be empty.

    ``security`` are the types of its security schemes.
    """

    name: str
    protocol: str
    host: str
    path: str
    bindings: JsonObject = field(default_factory=dict)
    security: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What one has to know to publish or to consume.

    ``bindings`` are those of the channel, the operation and the message for the server's protocol,
    ``correlation`` is the location of the correlation id in a message, if the document tells one.
    """

    server: Server
    address: str
    bindings: JsonObject
    content_type: str
    correlation: str | None = None
