"""PostgreSQL array literals: the quickest way to hand many values to one statement."""

from __future__ import annotations

from collections.abc import Iterable


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
