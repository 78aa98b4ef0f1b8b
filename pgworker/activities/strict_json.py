"""JSON from outside, read so that nothing of it is lost or changed: what jsonb cannot hold is refused.

The usual case is proven harmless cheaply: text that orjson writes back byte for byte has no duplicate key and
no number that was rounded. Only what differs (spaces, escapes, wide integers) is read again by the slow pass.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

import orjson

from pgworker.errors import ValueRefused
from pgworker.types import JsonValue, Pointer, child_pointer

MAX_DEPTH = 128
_SAFE_DIGITS = 308

_BOM = b"\xef\xbb\xbf"
_TRAPS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]', re.DOTALL)


def parse_json(body: bytes, max_depth: int = MAX_DEPTH) -> JsonValue:
    """The value of a JSON text, equal to what PostgreSQL will give back.

    Raises ``ValueRefused`` with the place of what cannot be stored (NaN, 1e400, NUL, half a surrogate pair, a
    duplicate key, nesting beyond ``max_depth``) and ``ValueError`` for what is not JSON at all.

    >>> parse_json(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    body = body.removeprefix(_BOM)
    try:
        value: JsonValue = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_strictly(body, max_depth)  # either refused there too, with the place, or a false alarm
    _refuse_depth(value, body.count(b"[") + body.count(b"{"), max_depth)
    if b"\\u0000" in body or orjson.dumps(value) != body:
        return _parse_strictly(body, max_depth)
    return value


@dataclass(frozen=True, slots=True)
class _Unstorable:
    """Stands in the parsed tree for what must be refused, until its pointer is known."""

    what: str
    key: str | None = None


class _Hooks:
    """The callbacks of the standard parser; ``found`` once there is something to refuse."""

    def __init__(self) -> None:
        self.found = False

    def _mark(self, what: str, key: str | None = None) -> _Unstorable:
        self.found = True
        return _Unstorable(what, key)

    def members(self, pairs: list[tuple[str, object]]) -> object:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                return self._mark("a duplicate key", key)
            seen.add(key)
        return result

    def number(self, text: str) -> float | _Unstorable:
        value = float(text)
        return value if math.isfinite(value) else self._mark("a number too large for a double")

    def integer(self, text: str) -> int | _Unstorable:
        return int(text) if math.isfinite(float(text)) else self._mark("a number too large for a double")

    def constant(self, text: str) -> _Unstorable:
        return self._mark(text)


def _parse_strictly(body: bytes, max_depth: int) -> JsonValue:
    text = body.decode("utf-8")
    hooks = _Hooks()
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=hooks.members,
            parse_float=hooks.number,
            parse_int=hooks.integer if len(text) > _SAFE_DIGITS else None,
            parse_constant=hooks.constant,
        )
    except RecursionError as error:
        raise ValueRefused(f"nesting deeper than {max_depth}", _where_too_deep(text, max_depth)) from error
    _refuse_depth(value, text.count("[") + text.count("{"), max_depth)
    if hooks.found or _TRAPS.search(text):
        _refuse_unstorable(value, max_depth)
    return value


def _refuse_depth(value: JsonValue, brackets: int, max_depth: int) -> None:
    """Raises ``ValueRefused`` for a value that is nested too deep; few brackets cannot be."""
    if brackets <= max_depth:
        return
    level = [value]
    for _ in range(max_depth):
        level = [
            child
            for node in level
            if isinstance(node, list | dict)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, list | dict)
        ]
        if not level:
            return
    _refuse_unstorable(value, max_depth)


def _refuse_unstorable(root: object, max_depth: int) -> None:
    """Raises ``ValueRefused`` with the pointer of the first thing that jsonb cannot hold, if there is one."""
    waiting: list[tuple[Pointer, int, object]] = [("", 1, root)]
    while waiting:
        pointer, depth, node = waiting.pop()
        if isinstance(node, _Unstorable):
            raise ValueRefused(node.what, pointer if node.key is None else child_pointer(pointer, node.key))
        if isinstance(node, str):
            _refuse_text(node, pointer)
        elif isinstance(node, list | dict):
            if depth > max_depth:
                raise ValueRefused(f"nesting deeper than {max_depth}", pointer)
            for key, child in reversed(list(node.items() if isinstance(node, dict) else enumerate(node))):
                if isinstance(key, str):
                    _refuse_text(key, pointer)
                waiting.append((child_pointer(pointer, key), depth + 1, child))


def _refuse_text(text: str, pointer: Pointer) -> None:
    if "\0" in text:
        raise ValueRefused("a NUL character (\\u0000)", pointer)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueRefused("half a surrogate pair", pointer)


def _unquoted(token: str) -> str:
    """The text of a JSON string; as it is written if no pointer could tell it."""
    try:
        text = str(json.loads(token))
        _refuse_text(text, "")
    except (ValueError, ValueRefused):
        return token[1:-1]
    return text


def _where_too_deep(text: str, max_depth: int) -> Pointer:
    """The pointer of the first container beyond the depth limit, in text that is too deep to parse."""
    path: list[str | int] = []
    name = ""
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in "[{":
            if len(path) == max_depth:
                break
            path.append(0 if token == "[" else "")
        elif token in "]}":
            path = path[:-1]
        elif token == "," and path and isinstance(path[-1], int):
            path[-1] += 1
        elif token == ":" and path:
            path[-1] = name
        elif token != ",":
            name = _unquoted(token)
    pointer = ""
    for key in path:
        pointer = child_pointer(pointer, key)
    return pointer
