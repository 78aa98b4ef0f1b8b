"""What must not be seen: credentials, wherever an answer or a message would show them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, quote_plus

from pgworker.activities.escapes import Sought
from pgworker.activities.search import SHORTEST, Search, Span, merged
from pgworker.types import JsonValue

STAND_IN = "***"

_WIDE_CHARSETS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
"""Those in which a text is not found as it is in UTF-8; they fill it with zeroes."""

_SHORTEST = 8
"""Shorter texts occur by chance: hiding them would spoil more than it protects."""

_BACKSLASHES = re.compile(rb"\\*")


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
        return _finder(self.secret + self.private).without(text)

    def text(self, text: str) -> str:
        """A text of a result without secrets."""
        return _finder(self.secret).without(text)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers without secrets, in their names neither."""
        return {self.text(name): self.text(value) for name, value in headers.items()}

    def value(self, value: JsonValue) -> JsonValue:
        """A value without secrets, in keys neither."""
        finder = _finder(self.secret)
        # most values have none, which is seen sooner of all texts together
        together = "\0".join(_texts(value))
        return value if finder.without(together) == together else self._value(value, finder)

    def _value(self, value: JsonValue, finder: _Finder) -> JsonValue:
        if isinstance(value, str):
            return finder.without(value)
        if isinstance(value, list):
            return [self._value(item, finder) for item in value]
        if isinstance(value, dict):
            return {finder.without(key): self._value(member, finder) for key, member in value.items()}
        is_hidden = isinstance(value, int | float) and json.dumps(value) in finder.texts
        return STAND_IN if is_hidden else value

    def joined(self, other: Redaction) -> Redaction:
        """One that hides what either of them does."""
        if self == other:
            return self
        private, secret = self.private + other.private, self.secret + other.secret
        return Redaction(_longest_first(private), _longest_first(secret))

    def result(self, content: bytes) -> bytes:
        """What an answer contains, without secrets."""
        content = _replaced(content, _finder(self.secret).spans(content), STAND_IN.encode())
        if b"\0" in content:
            for charset in _WIDE_CHARSETS:
                found = _wide(self.secret, charset).spans(content)
                content = _replaced(content, found, STAND_IN.encode(charset))
        return content


_HIDDEN: ContextVar[Redaction] = ContextVar("hidden", default=Redaction())  # noqa: B039 - it is frozen


@contextmanager
def hiding(redaction: Redaction) -> Iterator[None]:
    """Within it messages are made without these texts, too: before they are shortened, and not after."""
    token = _HIDDEN.set(_HIDDEN.get().joined(redaction))
    try:
        yield
    finally:
        _HIDDEN.reset(token)


def hidden() -> Redaction:
    """What must not be seen of what is going on here."""
    return _HIDDEN.get()


def spellings(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts as they may come back, longest first.

    That is as they are, in hexadecimal digits, and in base64, alone or amid other text, of a form or JSON as
    well. How their characters are written, in a URL or in JSON, makes no difference.
    """
    found: set[str] = set()
    for text in texts:
        if len(text) < _SHORTEST:
            continue
        found.add(text)
        for written in {text, quote(text, safe=""), quote(text), quote_plus(text), json.dumps(text)[1:-1]}:
            content = written.encode("utf-8", "surrogatepass")
            found |= {content.hex(), content.hex().upper(), *_in_base64(content)}
    return _longest_first(found)


def _replaced(content: bytes, spans: list[Span], by: bytes) -> bytes:
    parts: list[bytes] = []
    last = 0
    for begin, end in spans:
        parts += (content[last:begin], by)
        last = end
    return b"".join((*parts, content[last:])) if spans else content


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _texts(value: JsonValue) -> Iterator[str]:
    """All texts of a value, and numbers as texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, int | float):
        yield json.dumps(value)


class _Finder:
    """Finds texts as they are, and however their characters are escaped."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        literal = [_encoded(text) for text in texts]
        self.texts = frozenset(texts)
        self._is_idle = not literal
        self._literal = Search(literal)
        self._has_backslashes = any(b"\\" in text for text in literal)
        sought = Sought(literal)
        self._escapes = sought.escapes
        self._plain = self._literal if sought.texts == {*literal} else Search(sought.texts)

    def without(self, text: str) -> str:
        """The text with a stand-in for each of them."""
        if self._is_idle or len(text) < SHORTEST:
            return text
        content = _encoded(text)
        found = self.spans(content)
        return (
            _replaced(content, found, STAND_IN.encode()).decode("utf-8", "surrogatepass") if found else text
        )

    def spans(self, content: bytes) -> list[Span]:
        """Where they stand, in order; those that overlap as one."""
        if self._is_idle:
            return []
        found = self._literal.spans(content)
        sketch = self._escapes.sketch(content)
        if sketch is not content and self._plain.spans(sketch):
            plain = self._escapes.plain(content)
            found = merged((*found, *map(plain.origin, self._plain.spans(plain.content))))
        return [_ended(content, span) for span in found] if self._has_backslashes else found


def _ended(content: bytes, span: Span) -> Span:
    """What ends with a backslash has all of those that this one is written with: an even number."""
    begin, end = span
    own = end - begin - len(content[begin:end].rstrip(b"\\"))
    after = _BACKSLASHES.match(content, end)
    if not own or after is None:
        return span
    return begin, max(end, after.end() - (own + len(after[0])) % 2)


@lru_cache(maxsize=32)  # that of 300 secrets takes 4 MB
def _finder(texts: tuple[str, ...]) -> _Finder:
    return _Finder(texts)


@lru_cache(maxsize=16)
def _wide(texts: tuple[str, ...], charset: str) -> Search:
    return Search(text.encode(charset, "surrogatepass") for text in texts)


def _in_base64(content: bytes) -> Iterator[str]:
    """The content in both alphabets: alone, and the digits that are its own wherever it begins in a text."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        alone = encode(content).decode()
        yield alone
        yield alone.rstrip("=")
        for before in range(3):
            digits = encode(bytes(before) + content).decode().rstrip("=")
            first = -(-before * 4 // 3)
            last = (before + len(content)) * 4 // 3
            yield digits[first:last]


def _longest_first(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts), key=len, reverse=True))
