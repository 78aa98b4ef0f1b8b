"""What must not be seen: credentials, wherever an answer or a message would show them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, quote_plus

from pgworker.types import JsonValue

STAND_IN = "***"

_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
"""What everybody writes as it is."""

_WIDE_CHARSETS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
"""Those in which a text is not found as it is in UTF-8; they fill it with zeroes."""

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
            text = _without(text, hidden)
        return text

    def text(self, text: str) -> str:
        """A text of a result without secrets."""
        for hidden in self.secret:
            text = _without(text, hidden)
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers without secrets, in their names neither."""
        return {self.text(name): self.text(value) for name, value in headers.items()}

    def value(self, value: JsonValue) -> JsonValue:
        """A value without secrets, in keys neither."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(member) for key, member in value.items()}
        is_hidden = isinstance(value, int | float) and json.dumps(value) in self.secret
        return STAND_IN if is_hidden else value

    def joined(self, other: Redaction) -> Redaction:
        """One that hides what either of them does."""
        if self == other:
            return self
        private, secret = self.private + other.private, self.secret + other.secret
        return Redaction(_longest_first(private), _longest_first(secret))

    def result(self, content: bytes) -> bytes:
        """What an answer contains, without secrets."""
        for hidden in self.secret:
            if _PLAIN.fullmatch(hidden):
                content = content.replace(hidden.encode(), STAND_IN.encode())
            else:
                content = _anyhow_in_bytes(hidden).sub(STAND_IN.encode(), content)
            if b"\0" in content:
                for charset in _WIDE_CHARSETS:
                    content = content.replace(
                        hidden.encode(charset, "surrogatepass"), STAND_IN.encode(charset)
                    )
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


def _without(text: str, hidden: str) -> str:
    if _PLAIN.fullmatch(hidden):
        return text.replace(hidden, STAND_IN)
    return _anyhow(hidden).sub(STAND_IN, text)


@lru_cache(maxsize=512)
def _anyhow(hidden: str) -> re.Pattern[str]:
    """Finds a text however its characters are written; which of them are is everybody's own choice."""
    return re.compile(_pattern(hidden))


@lru_cache(maxsize=512)
def _anyhow_in_bytes(hidden: str) -> re.Pattern[bytes]:
    return re.compile(_pattern(hidden).encode("utf-8", "surrogatepass"))


def _pattern(hidden: str) -> str:
    return "".join(one if _PLAIN.fullmatch(one) else _written(one) for one in hidden)


def _written(character: str) -> str:
    """The pattern of a character as it is, in a URL, in JSON and in HTML, each of them a few times over.

    How often has a limit, since a long row of backslashes must not be looked through from each of them.
    """
    encoded = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass").hex()
    forms = {
        r"\\{0,7}" + re.escape(character),
        "".join(f"%(?:25){{0,3}}(?i:{byte:02x})" for byte in encoded),
        "".join(rf"\\{{1,7}}u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4)),
        f"&(?:amp;){{0,3}}#{ord(character)};",
        f"&(?:amp;){{0,3}}#x(?i:{ord(character):x});",
    }
    if html.escape(character) != character:
        forms.add("&(?:amp;){0,3}" + html.escape(character)[1:])
    forms |= {" ": {r"\+"}, "\n": {r"\\{1,7}n"}, "\r": {r"\\{1,7}r"}, "\t": {r"\\{1,7}t"}}.get(
        character, set()
    )
    return f"(?:{'|'.join(sorted(forms))})"


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
