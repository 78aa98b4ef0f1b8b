"""What a scalar stands for: the core schema of YAML 1.2 (its chapter 10.3.2), within what JSON can hold.

So ``on``, ``yes``, ``12:30``, dates and ``1_000`` are text, ``014`` is 14 and ``0o14`` is 12.
"""

from __future__ import annotations

import math
import re

from pgworker.dsl.diagnostics import quoted
from pgworker.dsl.parts import Scalar
from pgworker.dsl.refusals import Unreadable, unsupported_tag
from pgworker.types import JsonValue

CORE_TAG = "tag:yaml.org,2002:"
MERGE_KEY = "<<"

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_DIGITS_OF_64_BITS = 22
"""More than a 64 bit number has in any base: longer ones need no counting."""

_TAGGED_TYPES: dict[str, tuple[type, ...]] = {
    CORE_TAG + "null": (type(None),),
    CORE_TAG + "bool": (bool,),
    CORE_TAG + "int": (int,),
    CORE_TAG + "float": (int, float),
}


def resolve(scalar: Scalar) -> JsonValue:
    """The JSON value of a scalar; ``Unreadable`` if there is none, or if its tag does not fit."""
    if scalar.tag is None:
        return _plain(scalar.text) if scalar.plain else sound_text(scalar.text)
    if scalar.tag in ("!", CORE_TAG + "str"):
        return sound_text(scalar.text)
    return _tagged(scalar.text, scalar.tag)


def sound_text(text: str) -> str:
    """The text with its surrogate pairs joined; ``Unreadable`` if PostgreSQL could not hold it."""
    if "\0" in text:
        raise Unreadable("the text contains a NUL character, which cannot be stored", hint="remove it")
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise Unreadable(
            "the text contains half of a surrogate pair, which is no character",
            hint="write both halves, as in \\ud83d\\ude00, or the character itself",
        ) from None


def _plain(text: str) -> JsonValue:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return sound_text(text)
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _BASED_INTEGER.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_FINITE.fullmatch(text):
        raise Unreadable(
            f"{text} is not a number that JSON can hold",
            expected="a finite number",
            hint="quote it if it is meant as text",
        )
    return sound_text(text)


def _integer(digits: str, base: int) -> int:
    sign = "-" if digits.startswith("-") else ""
    significant = digits.lstrip("+-0") or "0"
    value = int(sign + significant, base) if len(significant) <= _DIGITS_OF_64_BITS else None
    if value is None or not -(2**63) <= value < 2**63:
        raise Unreadable(
            f"the number {quoted(digits)} does not fit into 64 bits",
            expected="an integer from -9223372036854775808 to 9223372036854775807",
            hint="quote it to keep it as text",
        )
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Unreadable(
            f"the number {quoted(text)} is too large",
            expected="a number below 1.8e308",
            hint="quote it to keep it as text",
        )
    return value


def _tagged(text: str, tag: str) -> JsonValue:
    types = _TAGGED_TYPES.get(tag)
    if types is None:
        raise unsupported_tag(tag)
    value = _plain(text)
    # type() and not isinstance(): a bool is an int in Python, not in YAML.
    if type(value) not in types:
        raise Unreadable(f"{quoted(text)} is not what its tag !!{tag.removeprefix(CORE_TAG)} says")
    return float(value) if tag == CORE_TAG + "float" and isinstance(value, int) else value
