"""What must not be seen: credentials, wherever an answer or a message would show them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from pgworker.types import JsonValue

STAND_IN = "***"

_SHORTEST = 8
"""Shorter texts occur by chance: hiding them would spoil more than it protects."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """``private`` are texts that no message may show, ``secret`` those that no result may show either.

    What a definition or a workflow's data says is private: results may contain it all the same. What the
    operator keeps as a secret must not even come back in the answer of a service that repeats it.
    """

    private: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()

    def message(self, text: str) -> str:
        """A message without credentials."""
        for hidden in (*self.secret, *self.private):
            text = text.replace(hidden, STAND_IN)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        """A value without secrets, in keys neither."""
        if isinstance(value, str):
            for hidden in self.secret:
                value = value.replace(hidden, STAND_IN)
            return value
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {str(self.value(key)): self.value(member) for key, member in value.items()}
        return value

    def result(self, content: bytes) -> bytes:
        """What an answer contains, without secrets."""
        for hidden in self.secret:
            content = content.replace(hidden.encode(), STAND_IN.encode())
        return content


def spellings(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts as they may come back: as they are, in JSON, in a URL and in base64; longest first."""
    found: set[str] = set()
    for text in texts:
        if len(text) < _SHORTEST:
            continue
        encoded = base64.b64encode(text.encode()).decode()
        found |= {text, quote(text, safe=""), quote(text), quote_plus(text), encoded, encoded.rstrip("=")}
        found |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return tuple(sorted(found, key=len, reverse=True))
