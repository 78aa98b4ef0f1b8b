"""PostgreSQL arrays: the quickest ways to hand many values to one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format


def plain(values: Iterable[object]) -> str:
    """The literal of an array whose items need no quotes: numbers, UUIDs, plain words; None is NULL.

    >>> plain([1, None, 2])
    '{1,NULL,2}'
    """
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def quoted(values: Iterable[str | None]) -> str:
    r"""The literal of an array of any texts.

    >>> quoted(['a"b', None])
    '{"a\\"b",NULL}'
    """
    return "{" + ",".join([_quote(value) for value in values]) + "}"


def _quote(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    return '"' + value.replace('"', '\\"') + '"'


class JsonArray(bytes):
    """An array of JSON texts as ``jsonb[]`` in the binary format.

    JSON is full of quotes: in a literal each would be escaped here, and looked at once more there.
    """


_JSONB = 3802
_JSONB_ARRAY = 3807
_HEAD = Struct("!iiiii")
_LENGTH = Struct("!i")
_NULL = _LENGTH.pack(-1)


def json_array(values: Sequence[str | None]) -> JsonArray:
    """The array of these JSON texts; None is NULL."""
    if not values:
        return JsonArray(_HEAD.pack(0, 0, _JSONB, 0, 0)[:12])
    parts = [_HEAD.pack(1, int(None in values), _JSONB, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            encoded = value.encode()
            parts += (_LENGTH.pack(len(encoded) + 1), b"\x01", encoded)
    return JsonArray(b"".join(parts))


class _JsonArrayDumper(Dumper):
    format = Format.BINARY
    oid = _JSONB_ARRAY

    def dump(self, obj: JsonArray) -> Buffer:
        return obj


def register(connection: AdaptContext) -> None:
    """Makes a connection understand these arrays as parameters."""
    connection.adapters.register_dumper(JsonArray, _JsonArrayDumper)
