"""The difference between what was found and what was expected, in words."""

from __future__ import annotations

import orjson

from pgworker.types import JsonObject, JsonValue, Pointer, child_pointer

_LONGEST = 200


def difference(found: JsonValue, expected: JsonValue, place: Pointer = "") -> str | None:
    """Where two values first differ, and how; None if they are the same. Both are canonical.

    >>> difference({"colors": ["red"]}, {"colors": ["blue"]})
    'found "red" instead of "blue" at /colors/0'
    """
    if isinstance(found, dict) and isinstance(expected, dict):
        return _of_objects(found, expected, place)
    if isinstance(found, list) and isinstance(expected, list):
        return _of_arrays(found, expected, place)
    if type(found) is type(expected) and found == expected:  # for Python, true is 1
        return None
    return f"found {shown(found)} instead of {shown(expected)}{_at(place)}"


def shown(value: JsonValue) -> str:
    """A value in a message."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _of_objects(found: JsonObject, expected: JsonObject, place: Pointer) -> str | None:
    for key, value in expected.items():
        if key not in found:
            return f"found no `{key}`{_at(place)}, expected {shown(value)}"
        if told := difference(found[key], value, child_pointer(place, key)):
            return told
    for key, value in found.items():
        if key not in expected:
            return f"found `{key}`, {shown(value)},{_at(place)} that is not expected"
    return None


def _of_arrays(found: list[JsonValue], expected: list[JsonValue], place: Pointer) -> str | None:
    if len(found) != len(expected):
        return f"found {shown(found)} with {len(found)} items instead of {len(expected)}{_at(place)}"
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        if told := difference(one, other, child_pointer(place, index)):
            return told
    return None


def _at(place: Pointer) -> str:
    return f" at {place}" if place else ""
