"""Progress on stderr: one line for each beginning and each end of a task."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from pgworker.cli.output import duration, printable

if TYPE_CHECKING:
    from pgworker.client import ProgressRow


class _Mark(NamedTuple):
    glyph: str
    plain: str
    colour: str


_MARKS: Final = {
    "task.started": _Mark("▶", ">", "blue"),
    "task.completed": _Mark("✓", "+", "green"),
    "task.failed": _Mark("✗", "x", "red"),
    "task.skipped": _Mark("↷", "-", "bright_black"),
}


def show(row: ProgressRow) -> None:
    """Writes the line of an event, if people want to see one for it."""
    mark = _MARKS.get(row.type)
    if mark is not None:
        words = " ".join([_indent(row.task) + _glyph(mark), *_words(row)])
        typer.secho(printable(words), err=True, fg=mark.colour if _is_colourful() else None)


def _words(row: ProgressRow) -> list[str]:
    words = [row.name or row.task or "?"]
    if row.iteration is not None:
        words[0] += f"[{row.iteration}]"
    if row.type == "task.skipped":
        words.append("skipped")
    if row.duration is not None:
        words.append(duration(row.duration))
    if row.attempt is not None and row.attempt > 1:
        words.append(f"attempt {row.attempt}")
    if row.error is not None:
        words.append(f"{row.error.get('title')}: {row.error.get('detail')}")
    return words


def _indent(task: str | None) -> str:
    # a task inside another has a pointer that goes on from the outer one's: /do/0/outer/do/1/inner
    return "  " * max((task or "").count("/") // 3 - 1, 0)


def _glyph(mark: _Mark) -> str:
    try:
        mark.glyph.encode(sys.stderr.encoding)
    except (UnicodeEncodeError, LookupError):
        return mark.plain
    return mark.glyph


def _is_colourful() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
