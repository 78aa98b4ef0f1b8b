"""Publishing a CloudEvent: what may be said of it, and how the database is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString, TypedDict

from pgworker.store.starting import json_text
from pgworker.types import JsonValue
from pgworker.values import canonical

PUBLISH: Final[LiteralString] = """
    select {schema}.publish_event(
        type => %(type)s, data => %(data)s::jsonb, source => %(source)s, subject => %(subject)s,
        id => %(id)s, "time" => %(time)s::timestamptz, extensions => %(extensions)s::jsonb
    )::text
"""


class EventAttributes(TypedDict, total=False):
    """The attributes that a CloudEvent may have besides its type; the usual ones are filled in."""

    source: str | None
    subject: str | None
    id: str | None
    time: datetime | None
    extensions: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """Which CloudEvent to publish; the members are the parameters of ``publish_event`` in SQL."""

    type: str
    data: JsonValue = None
    source: str | None = None
    subject: str | None = None
    id: str | None = None
    time: datetime | None = None
    extensions: Mapping[str, JsonValue] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """What the statement takes; raises ``ValueRefused`` for what JSON or a text cannot hold."""
        texts: dict[str, Any] = {
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "id": self.id,
        }
        canonical(texts)
        return texts | {
            "data": None if self.data is None else json_text(self.data),
            "time": self.time,
            "extensions": json_text(dict(self.extensions)),
        }
