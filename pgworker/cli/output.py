"""Answers on stdout: JSON values, and lists as tables, JSON or JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

Row = TypeVar("Row")

_BRIEF = 120
_WIDE = 4000
"""Columns of a table that is not written to a terminal: whoever reads it wants whole words."""


class Format(StrEnum):
    """How something is listed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


OutputOption = Annotated[
    Format | None,
    typer.Option(
        "--output", "-o", help="How to write the answer.", show_default="table on a terminal, jsonl elsewhere"
    ),
]


def chosen(format_: Format | None) -> Format:
    """The format asked for; otherwise a table for people and JSON lines for programs."""
    if format_ is not None:
        return format_
    return Format.TABLE if sys.stdout.isatty() else Format.JSONL


def write_json(value: object) -> None:
    """Writes one JSON value: indented on a terminal, on one line otherwise."""
    _write(value, indented=sys.stdout.isatty())


def write_list(
    rows: Sequence[Row], columns: Mapping[str, Callable[[Row], object]], format_: Format | None
) -> None:
    """Writes rows: whole as JSON, or the given columns as a table."""
    match chosen(format_):
        case Format.TABLE:
            write_table(rows, columns)
        case Format.JSON:
            write_json(rows)
        case Format.JSONL:
            for row in rows:
                _write(row, indented=False)


def write_table(rows: Sequence[Row], columns: Mapping[str, Callable[[Row], object]]) -> None:
    """Writes a table that fits the terminal: what is too long is cut, but never the first column."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [[text(column(row)) for column in columns.values()] for row in rows]
    for index, title in enumerate(columns):
        widest = max((len(row[index]) for row in shown), default=0)
        table.add_column(
            title, no_wrap=True, overflow="ellipsis", min_width=widest if index == 0 else len(title)
        )
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))
    sys.stdout.flush()
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    console.print(table)


def text(value: object) -> str:
    """A value as it stands in a table."""
    match value:
        case None:
            return ""
        case str():
            return printable(value)
        case bool():
            return "yes" if value else "no"
        case datetime():
            return _local(value)
        case timedelta():
            return duration(value)
        case dict() | list():
            return printable(json_line(value))
        case _:
            return str(value)


def _local(time: datetime) -> str:
    try:
        return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError):  # the first and the last hours that there are have no local time
        return f"{time:%Y-%m-%d %H:%M:%S%z}"


def duration(time: timedelta) -> str:
    """A length of time for people.

    >>> duration(timedelta(milliseconds=12.3)), duration(timedelta(hours=30))
    ('12 ms', '30 h 0 min')
    """
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def printable(words: str) -> str:
    """The text with its control characters escaped: terminals obey them, and data must not steer those."""
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)


def json_line(value: object) -> str:
    """A value as JSON on one line; dataclasses become objects, lengths of time seconds."""
    return _encode(value, indented=False).decode()


def brief(value: object) -> str:
    """The beginning of a value as JSON, for a line that has other words in it."""
    told = json_line(value)
    return printable(told if len(told) <= _BRIEF else f"{told[: _BRIEF - 3]}...")


def _write(value: object, *, indented: bool) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(_encode(value, indented=indented) + b"\n")


def _encode(value: object, *, indented: bool) -> bytes:
    import orjson

    return orjson.dumps(value, _other, orjson.OPT_INDENT_2 if indented else 0)


def _other(value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"a {type(value).__name__} has no JSON form")
