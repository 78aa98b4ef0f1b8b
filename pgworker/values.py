"""The door for JSON values: what ``jsonb`` would silently change is normalised or refused here.

A value that a workflow computed or received must read the same from memory and from history, or replay would
decide otherwise than the first run did. So every value passes ``canonical`` before it is decided upon.
"""

from __future__ import annotations

import math
from collections.abc import Container
from functools import lru_cache

from pgworker.errors import ValueRefused, ValueTooLarge
from pgworker.types import JsonObject, JsonValue, Pointer, child_pointer

MAX_DEPTH = 128
"""Nesting beyond this is refused: neither people nor recursive readers do well with it."""

MAX_BYTES = 8 * 1024 * 1024
"""More data than this no event holds, and no text may be longer."""

_INT_MIN = -(2**63)
_INT_END = 2**64
"""Integers outside are IEEE doubles, as they are for nearly every other reader of JSON."""


def canonical(value: JsonValue, known: JsonValue = None) -> JsonValue:
    """The value as PostgreSQL's ``jsonb`` would give it back; the same object if it already is.

    ``known`` is a value that is canonical: if the value is the same, or has members that are the same objects
    as its members, these are not looked through again. An expression's result often shares them.

    Object keys are put in jsonb's order (shorter first, then by bytes), whole floats become integers.
    Raises ``ValueRefused`` for what jsonb cannot hold: NUL characters, lone surrogates, NaN, infinities, and
    nesting deeper than ``MAX_DEPTH``; and ``ValueTooLarge`` for a text longer than ``MAX_BYTES``, before
    anybody copies it.

    >>> canonical({"bb": 1.0, "a": 2})
    {'a': 2, 'bb': 1}
    """
    if value is known and known is not None:
        return value
    try:
        return _canonical(value, 0, _parts(known))
    except ValueRefused as refusal:
        raise type(refusal)(refusal.message, _offender(value), hint=refusal.hint) from None


def _parts(known: JsonValue) -> Container[int]:
    """The identities of a canonical value's members, as far as looking through them takes time."""
    if isinstance(known, dict):
        return {id(member) for member in known.values() if isinstance(member, dict | list)}
    return ()


def _canonical(value: JsonValue, depth: int, known: Container[int] = ()) -> JsonValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if _INT_MIN <= value < _INT_END else _real(value)
    if isinstance(value, float):
        return _real(value)
    if depth <= 1 and id(value) in known:
        return value  # no deeper in the new value than it was in the old
    if depth >= MAX_DEPTH:
        raise ValueRefused(f"nested deeper than {MAX_DEPTH} levels", "")
    if isinstance(value, list):
        return _array(value, depth + 1, known)
    if isinstance(value, dict):
        return _object(value, depth + 1, known)
    raise ValueRefused(f"a {type(value).__name__} is not a JSON value", "")


def _text(text: str) -> str:
    if len(text) > MAX_BYTES:
        raise ValueTooLarge(f"a text has {len(text)} characters, and an event may hold {MAX_BYTES} bytes", "")
    if "\0" in text:
        raise ValueRefused("a text contains the NUL character \\u0000", "", hint="remove it before")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueRefused("a text contains half of a surrogate pair", "") from None
    return text


def _real(number: float) -> JsonValue:
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueRefused(f"{number} is not a JSON number", "")
    if number.is_integer() and _INT_MIN <= number < _INT_END:
        return int(number)
    return number


def _array(items: list[JsonValue], depth: int, known: Container[int]) -> JsonValue:
    changed: list[JsonValue] | None = None
    for index, item in enumerate(items):
        kept = _canonical(item, depth, known)
        if kept is not item:
            if changed is None:
                changed = items.copy()
            changed[index] = kept
    return items if changed is None else changed


def _object(members: JsonObject, depth: int, known: Container[int]) -> JsonValue:
    ordered = True
    changed = False
    kept: JsonObject = {}
    last: tuple[int, bytes] = (0, b"")
    for key, member in members.items():
        place = _place(key)
        ordered = ordered and last <= place
        last = place
        kept[key] = value = _canonical(member, depth, known)
        changed = changed or value is not member
    if not ordered:
        return {key: kept[key] for key in sorted(kept, key=_place)}
    return kept if changed else members


@lru_cache(maxsize=8192)
def _place(key: str) -> tuple[int, bytes]:
    if not isinstance(key, str):
        raise ValueRefused("the key of an object is not a text", "")
    encoded = _text(key).encode()
    return len(encoded), encoded


def _offender(value: JsonValue) -> Pointer:
    """Where in a refused value the offender sits: the slow walk, taken only to explain."""
    pointer = ""
    above: set[int] = set()
    while id(value) not in above:  # else it contains itself, and goes on so without end
        above.add(id(value))
        members: list[tuple[str | int, JsonValue]]
        if isinstance(value, dict):
            members = list(value.items())
        elif isinstance(value, list):
            members = list(enumerate(value))
        else:
            return pointer
        for key, member in members:
            if _refused(member) or _refused(key):
                pointer, value = child_pointer(pointer, _readable(key)), member
                break
        else:
            break
    return pointer


def _readable(key: str | int) -> str | int:
    if isinstance(key, str):
        return key.replace("\0", "\\u0000").encode(errors="backslashreplace").decode()
    return key


def _refused(value: JsonValue) -> bool:
    try:
        _canonical(value, 0)
    except (ValueRefused, RecursionError):
        return True
    return False
