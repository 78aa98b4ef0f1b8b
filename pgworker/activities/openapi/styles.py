"""How parameters are written: the styles of OpenAPI, which are those of RFC 6570, and Swagger's formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from urllib.parse import quote

from pgworker.types import JsonObject, JsonValue

Encoder = Callable[[str], str]

_RESERVED = ":/?@!$'()*,;="
"""What ``allowReserved`` leaves as it is: RFC 3986's reserved characters that mean nothing within a query."""

_COOKIE = "!#$&'()*+-./:<=>?@[]^_`{|}~"


class Style(StrEnum):
    """How arrays and objects become text."""

    SIMPLE = "simple"
    LABEL = "label"
    MATRIX = "matrix"
    FORM = "form"
    SPACES = "spaceDelimited"
    PIPES = "pipeDelimited"
    DEEP = "deepObject"
    TABS = "tabDelimited"  # only Swagger has it, as `tsv`


_DELIMITERS = {Style.SPACES: "%20", Style.PIPES: "%7C", Style.TABS: "%09"}


def in_path(name: str, value: JsonValue, style: Style, explode: bool) -> str:
    """What stands in the path in place of ``{name}``.

    >>> in_path("id", ["a", "b/c"], Style.SIMPLE, False)
    'a,b%2Fc'
    """
    if style is Style.LABEL:
        return "." + _joined(value, "." if explode else ",", explode, percent)
    if style is Style.MATRIX:
        return "".join(f";{key}={text}" if text else f";{key}" for key, text in _pairs(name, value, explode))
    return _joined(value, _DELIMITERS.get(style, ","), explode, percent)


def in_query(
    name: str, value: JsonValue, style: Style, explode: bool, *, allow_reserved: bool = False
) -> list[str]:
    """The ``key=value`` of a query that a parameter becomes; none for an empty array or object.

    >>> in_query("color", ["blue", "black"], Style.FORM, True)
    ['color=blue', 'color=black']
    """
    if value in ([], {}):
        return []
    encode = _reserved if allow_reserved else percent
    if style is Style.DEEP and isinstance(value, dict):
        return [f"{key}={text}" for key, text in _deep(percent(name), value, encode)]
    delimiter = _DELIMITERS.get(style, ",")
    return [f"{key}={text}" for key, text in _pairs(name, value, explode, delimiter, encode)]


def in_header(value: JsonValue, style: Style, explode: bool) -> str:
    """The value of a header, which is not encoded."""
    delimiter = {Style.SPACES: " ", Style.PIPES: "|", Style.TABS: "\t"}.get(style, ",")
    return _joined(value, delimiter, explode, str)


def in_cookie(name: str, value: JsonValue, style: Style, explode: bool) -> list[str]:
    """The ``name=value`` of cookies that a parameter becomes."""
    if value in ([], {}):
        return []
    return [f"{key}={text}" for key, text in _pairs(name, value, explode, ",", _cookie)]


def as_text(value: JsonValue) -> str:
    """One value: texts as they are, what is nested deeper than a style knows as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: JsonValue) -> str:
    """Any value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def percent(text: str) -> str:
    """Percent-encoded but for RFC 3986's unreserved characters."""
    return quote(text, safe="")


def _reserved(text: str) -> str:
    return quote(text, safe=_RESERVED)


def _cookie(text: str) -> str:
    return quote(text, safe=_COOKIE)


def _joined(value: JsonValue, delimiter: str, explode: bool, encode: Encoder) -> str:
    if isinstance(value, list):
        return delimiter.join(encode(as_text(item)) for item in value if item is not None)
    if isinstance(value, dict):
        between = "=" if explode else delimiter
        pairs = _members(value)
        return delimiter.join(f"{encode(key)}{between}{encode(as_text(item))}" for key, item in pairs)
    return encode(as_text(value))


def _pairs(
    name: str, value: JsonValue, explode: bool, delimiter: str = ",", encode: Encoder = percent
) -> list[tuple[str, str]]:
    """Names with their values: many for what is exploded, otherwise one."""
    if explode and isinstance(value, list):
        return [(percent(name), encode(as_text(item))) for item in value if item is not None]
    if explode and isinstance(value, dict):
        return [(percent(key), encode(as_text(item))) for key, item in _members(value)]
    return [(percent(name), _joined(value, delimiter, explode, encode))]


def _deep(prefix: str, value: JsonValue, encode: Encoder) -> list[tuple[str, str]]:
    """``name[key][key]=value``, as far down as there are objects; arrays repeat."""
    if isinstance(value, dict):
        return [
            pair
            for key, item in _members(value)
            for pair in _deep(f"{prefix}%5B{percent(key)}%5D", item, encode)
        ]
    if isinstance(value, list):
        return [(prefix, encode(as_text(item))) for item in value if item is not None]
    return [(prefix, encode(as_text(value)))]


def _members(value: JsonObject) -> list[tuple[str, JsonValue]]:
    return [(key, item) for key, item in value.items() if item is not None]
