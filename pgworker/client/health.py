"""How the engine is, and whether what is installed here goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pgworker.findings import finding
from pgworker.store.database import Database
from pgworker.store.operations import Operations, Row
from pgworker.store.readiness import newest_revision, revision

_APART: Final = timedelta(seconds=2)
_FAR_APART: Final = timedelta(minutes=1)


async def health(database: Database, operations: Operations) -> Sequence[Row]:
    """The rows of the view ``health``, and the same of the schema's version and the clocks."""
    return [
        *await operations.view("health", 100),
        schema_version(await revision(database), newest_revision()),
        clock_difference(await operations.clock_ahead()),
    ]


def schema_version(found: str | None, newest: str) -> Row:
    """Whether the schema is of this version; its revision is empty if it was made by other means."""
    if found in ("", newest):
        return finding("schema version", "ok", found or "made by other means")
    value = "there is none" if found is None else f"{found}, not {newest}"
    return finding("schema version", "bad", value, "run pgworker migrate")


def clock_difference(ahead: timedelta) -> Row:
    """Whether the database's clock and this machine's agree."""
    apart = abs(ahead)
    if apart <= _APART:
        return finding("clock difference", "ok", f"{apart.total_seconds():.1f} s")
    value = f"the database's is {apart} {'ahead' if ahead > timedelta() else 'behind'}"
    advice = "set both clocks by NTP: times that are asked for here, and when tokens end, are by this one's"
    return finding("clock difference", "bad" if apart > _FAR_APART else "warning", value, advice)
