"""Words that every room shares."""

from __future__ import annotations

from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""A JSON value in Python's own types. Shared between states and events, so never changed in place."""

JsonObject: TypeAlias = "dict[str, JsonValue]"
"""A JSON object."""

Pointer: TypeAlias = str
"""A JSON Pointer (RFC 6901) into a definition, such as ``/do/0/greet``; also a task's reference."""


def child_pointer(parent: Pointer, key: str | int) -> Pointer:
    """The pointer of a member, escaped as RFC 6901 asks.

    >>> child_pointer("/do/0", "a/b")
    '/do/0/a~1b'
    """
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"
