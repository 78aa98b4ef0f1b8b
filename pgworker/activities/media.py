"""Media types, and the value that a body of each becomes."""

from __future__ import annotations

import base64
import codecs
import json
import re

import orjson

from pgworker.activities.redaction import hidden
from pgworker.activities.strict_json import parse_json
from pgworker.errors import ValueRefused
from pgworker.types import JsonValue

JSON = "application/json"
TEXT = "text/plain"
FORM = "application/x-www-form-urlencoded"

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_.:+-]{1,40})", re.IGNORECASE)
# Codecs for text on the wire. Others that Python has (idna, unicode_escape, utf-7) are slow or unsafe.
_CODECS = re.compile(
    r"ascii|utf-(?:8|16|32)(?:-[lb]e|-sig)?|iso8859-\d+|cp(?:125\d|437|850|866|874|932|949|950)|koi8-[rut]"
    r"|mac-roman|shift_jis\w*|euc_\w+|iso2022_\w+|gb2312|gbk|gb18030|big5\w*|tis-620"
)

_UTF_8 = ("utf-8", "ascii")
"""In these, what is hidden has been looked for in the bytes; in others it shows when they are decoded."""


class Unreadable(Exception):
    """A body that is not what its Content-Type says, or that cannot be stored; the message says which."""


def essence(content_type: str | None) -> str:
    """The media type without its parameters, in lower case; empty for none.

    >>> essence("Application/JSON; charset=utf-8")
    'application/json'
    """
    return "" if content_type is None else content_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON (WHATWG MIME Sniffing, "JSON MIME type")."""
    return media_type in (JSON, "text/json") or media_type.endswith("+json")


def content(body: bytes, content_type: str | None) -> JsonValue:
    """The value of a body: JSON parsed, text as a string, nothing as null, anything else in base64.

    Raises ``Unreadable``.

    >>> content(b"hello", "text/plain")
    'hello'
    """
    if not body:
        return None
    media_type = essence(content_type)
    if is_json(media_type):
        return _json(body, _charset(content_type))
    if media_type.startswith("text/"):
        return text_of(body, content_type)
    return encoded(body)


def json_body(value: JsonValue) -> bytes:
    """The value as JSON, whatever the size of its integers."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # integers beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def encoded(body: bytes) -> str:
    """The bytes in base64."""
    return base64.b64encode(body).decode("ascii")


def _json(body: bytes, charset: str) -> JsonValue:
    if charset not in _UTF_8:
        body = hidden().result(_decoded(body, charset).encode("utf-8"))
    try:
        return parse_json(body)
    except ValueRefused as error:
        where = printable(error.pointer) or "the root"
        raise Unreadable(
            f"the response is not JSON that can be stored: {error.message} at {where}"
        ) from error
    except ValueError as error:
        raise Unreadable(f"the response is not JSON: {printable(str(error))}") from error


def text_of(body: bytes, content_type: str | None) -> str:
    """The body as text, in the charset of its Content-Type or UTF-8; raises ``Unreadable``."""
    charset = _charset(content_type)
    text = _decoded(body, charset)
    if charset not in _UTF_8:
        text = hidden().text(text)
    if "\0" in text:
        raise Unreadable(f"the response is text with a NUL character, at character {text.index(chr(0))}")
    return text


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset)
    except UnicodeError as error:
        raise Unreadable(f"the response is not {charset} text: {error}") from error


def _charset(content_type: str | None) -> str:
    found = _CHARSET.search(content_type or "")
    if found is None:
        return "utf-8"
    try:
        name = codecs.lookup(found[1]).name
    except LookupError:
        name = ""
    if not _CODECS.fullmatch(name):
        raise Unreadable(f"the response has an unknown charset: {printable(content_type or '')}")
    return name


def excerpt(body: bytes, content_type: str | None) -> str:
    """What a body says, fit for a message whatever its bytes are; UTF-16 is known without a charset, too."""
    try:
        charset = _charset(content_type)
    except Unreadable:
        charset = "utf-8"
    if charset in _UTF_8:
        charset = json.detect_encoding(body)
    return printable(body.decode(charset, "replace"))


def last_words(text: str, limit: int) -> str:
    """The end of a foreign text, made fit for a message; what is hidden goes before the text is cut."""
    return printable(hidden().message(text).strip()[-limit:], limit)


def printable(text: str, limit: int = 200) -> str:
    """Foreign text made fit for a message: short, on one line, without control characters or half pairs.

    What is hidden here goes first: of a secret that is cut in two neither half would be known as one.
    """
    text = hidden().message(text)
    plain = "".join(character if character.isprintable() else " " for character in text[: 4 * limit])
    kept = " ".join(plain.split())
    return kept if len(kept) <= limit else kept[:limit] + "..."
