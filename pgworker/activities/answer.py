"""What came back from an HTTP service, and the value that a call makes of it."""

from __future__ import annotations

from collections.abc import ItemsView
from dataclasses import dataclass

from pgworker.activities.media import Unreadable, content, encoded
from pgworker.activities.request import Output, Request
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the request as it was sent last, and the response with its body decompressed."""

    request: Request
    sent_headers: dict[str, str]
    status: int
    headers: dict[str, str]
    content_type: str | None
    body: bytes


def value_of(answer: Answer) -> JsonValue:
    """What the call asked for; raises ``Fault`` (communication) for a body that cannot be read or stored."""
    if answer.request.output is Output.RAW:
        return encoded(answer.body)
    try:
        value = content(answer.body, answer.content_type)
    except Unreadable as error:
        detail = answer.request.redaction.message(f"{answer.request} was answered, but {error}")
        raise Fault(FaultKind.COMMUNICATION, detail) from error
    if answer.request.output is Output.CONTENT:
        return value
    return {
        "request": {
            "method": answer.request.method,
            "uri": answer.request.redaction.result(str(answer.request.url).encode()).decode(),
            "headers": {
                name: "***" if name.lower() in _SECRET_HEADERS else text
                for name, text in answer.sent_headers.items()
            },
        },
        "statusCode": answer.status,
        "headers": {**answer.headers},
        "content": value,
    }


def headers_of(items: ItemsView[str, str]) -> dict[str, str]:
    """Headers as an object of strings; a repeated one is joined with commas (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for written, value in items:
        name = spelled.setdefault(written.lower(), str(written))  # plain: orjson takes no subclass of str
        # aiohttp hands over bytes that are not UTF-8 as half surrogate pairs, which cannot be stored.
        text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "")
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return joined
