"""What is being performed: how far long activities are, as their workers' heartbeats tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import typer

from pgworker.cli.output import duration, printable
from pgworker.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from pgworker.client import ActivityRow, Client

_PAUSE_SECONDS = 0.5
_SOON: Final = timedelta(seconds=1)

_Key = tuple[int, int]


@asynccontextmanager
async def watched(client: Client, workflow_id: str) -> AsyncIterator[None]:
    """Within it, lines on stderr tell how far a workflow's long activities are.

    A line comes whenever one has given more, and otherwise when it has run twice as long as at the last line.
    """
    watching = asyncio.create_task(_watch(client, workflow_id))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(client: Client, workflow_id: str) -> None:
    told: dict[_Key, ActivityRow] = {}
    while True:
        await asyncio.sleep(_PAUSE_SECONDS)
        with suppress(DatabaseUnavailable):  # who follows the events says so
            rows = await client.activities(workflow_id)
            news = {_key(row): row for row in rows if _is_news(row, told.get(_key(row)))}
            for row in news.values():
                typer.echo(_line(row), err=True)
            told = {_key(row): told[_key(row)] for row in rows if _key(row) in told} | news


def _key(row: ActivityRow) -> _Key:
    return row.seq, row.attempt


def _is_news(row: ActivityRow, last: ActivityRow | None) -> bool:
    if row.running is None:
        return False
    if last is None or last.running is None:
        return True
    if (row.output_bytes, row.messages) != (last.output_bytes, last.messages):
        return True
    return row.leased_until != last.leased_until and row.running >= 2 * max(last.running, _SOON)


def _line(row: ActivityRow) -> str:
    running = duration(row.running or timedelta())
    words = [f"{row.seq:6} {row.activity} {row.name}: performed for {running}", given(row)]
    if row.attempt > 1:
        words.append(f"attempt {row.attempt}")
    return printable(", ".join(filter(None, words)))


def given(row: ActivityRow) -> str:
    """What an activity has given so far, in words; nothing if there is nothing."""
    parts = [size(row.output_bytes)] if row.output_bytes else []
    if row.messages:
        parts.append(f"{row.messages} message{'' if row.messages == 1 else 's'}")
    return " in ".join(parts)


def size(count: int) -> str:
    """A number of bytes for people.

    >>> size(999), size(2_500_000)
    ('999 B', '2.5 MB')
    """
    scaled, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 1000 or unit == "GB":
            break
        scaled /= 1000
    return f"{scaled:.0f} B" if unit == "B" else f"{scaled:.1f} {unit}"
