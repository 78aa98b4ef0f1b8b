"""Messages as values, and as the bytes that travel."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from pgworker.activities.asyncapi.target import Target
from pgworker.activities.media import essence, json_body
from pgworker.activities.redaction import Redaction
from pgworker.activities.request import scalar
from pgworker.activities.strict_json import parse_json
from pgworker.errors import Fault, FaultKind, ValueRefused
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message to publish; ``key`` is the same whenever the same message is published again."""

    body: bytes
    headers: Mapping[str, str]
    content_type: str
    key: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came, with the correlation id that its protocol gives it, if any."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    correlation: str | None = None

    def without(self, redaction: Redaction) -> Inbound:
        """The message without secrets that the other side repeats."""
        return Inbound(
            redaction.result(self.body),
            redaction.headers(self.headers),
            None if self.correlation is None else redaction.text(self.correlation),
        )


def outbound(message: JsonValue, target: Target, key: str) -> Outbound:
    """The message that a call's ``message`` describes; raises ``Fault`` (configuration)."""
    if not isinstance(message, dict):
        raise Fault(FaultKind.CONFIGURATION, "the message must be an object")
    headers: dict[str, str] = {}
    given = message.get("headers")
    for name, value in (given if isinstance(given, dict) else {}).items():
        text = scalar(value)
        if text is None:
            raise Fault(FaultKind.CONFIGURATION, f"the header {name[:60]!r} of the message must be a string")
        headers[name] = text
    payload = message.get("payload")
    if isinstance(payload, str) and essence(target.content_type).startswith("text/"):
        body = payload.encode()
    else:
        body = b"" if "payload" not in message else json_body(payload)
    return Outbound(body, headers, target.content_type, key)


def value_of(message: Inbound, target: Target) -> JsonObject:
    """The message as the workflow sees it: ``payload``, ``headers`` and, if it has one, ``correlationId``."""
    value: JsonObject = {"payload": _payload(message.body), "headers": dict(message.headers)}
    correlation = _located(value, target.correlation)
    if correlation is None:
        by_header = next((v for k, v in message.headers.items() if k.lower() == "correlationid"), None)
        correlation = message.correlation or by_header
    if correlation is not None:
        value["correlationId"] = correlation
    return value


def _payload(body: bytes) -> JsonValue:
    """JSON as its value, other text as it is, anything else in base64."""
    if not body:
        return None
    try:
        return parse_json(body)
    except (ValueError, ValueRefused):
        pass  # not JSON: it is taken for what else it is
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()
    return base64.b64encode(body).decode() if "\0" in text else text


def _located(value: JsonObject, location: str | None) -> str | None:
    """What is at a location such as ``$message.header#/correlationId``."""
    if location is None:
        return None
    source, _, pointer = location.partition("#")
    found: JsonValue = value["payload" if source == "$message.payload" else "headers"]
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return scalar(found)
