"""Agent cards: where an agent speaks JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterator

from pgworker.activities.request import named
from pgworker.activities.uris import absolute, origin_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_BINDING = "JSONRPC"


def address_in(card: JsonValue, uri: str) -> str:
    """The address of the agent's JSON-RPC interface; raises ``Fault`` (configuration) if there is none."""
    if not isinstance(card, dict):
        raise Fault(FaultKind.CONFIGURATION, f"the agent card {named(uri)!r} is not an object")
    for address, binding in _interfaces(card):
        if binding.upper() == _BINDING and address:
            return absolute(uri, address)
    raise Fault(FaultKind.CONFIGURATION, f"the agent card {named(uri)!r} names no JSON-RPC interface")


def same_origin(one: str, other: str) -> bool:
    """Whether what is shown to one address may be shown to the other."""
    return origin_of(one) == origin_of(other)


def _interfaces(card: JsonObject) -> Iterator[tuple[str, str]]:
    """All interfaces with their bindings, the preferred one first, whatever version the card is of."""
    if isinstance(url := card.get("url"), str):
        preferred = card.get("preferredTransport", _BINDING)
        yield url, str(preferred)
    for key in ("supportedInterfaces", "additionalInterfaces"):
        several = card.get(key)
        for one in several if isinstance(several, list) else ():
            if isinstance(one, dict) and isinstance(url := one.get("url"), str):
                yield url, str(one.get("protocolBinding") or one.get("transport") or "")
