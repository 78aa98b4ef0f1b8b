"""The janitor: workflows that ended long ago go, if the operator has said how long they are kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pgworker.errors import DatabaseUnavailable, SettingsError, StoreRefused
from pgworker.expressions.durations import parse_length
from pgworker.store.operations import Operations
from pgworker.store.rows import FINISHED
from pgworker.telemetry import log

BATCH: Final = 1000
PAUSE_SECONDS: Final = 600.0
"""Between two passes; each worker takes up to a half more or less, so that they do not come together."""

_FIRST_SECONDS: Final = 1.0
_REST_SECONDS: Final = 0.5
"""Between two batches, so that who works with the database comes first."""

_LONGEST: Final = timedelta(days=365_000)


def parse_retention(text: str) -> Mapping[str, timedelta]:
    """How long workflows are kept after their end, by status, as ``PGWORKER_RETENTION`` says.

    One length is for all of them. Raises ``SettingsError``.

    >>> parse_retention("completed=7d, failed=90d")["FAILED"].days
    90
    """
    kept: dict[str, timedelta] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        status, equals, length = part.rpartition("=")
        status = status.strip().upper()
        if (equals and status not in FINISHED) or status in kept or (not equals and kept):
            raise _wrong(f"{part!r} is not understood")
        try:
            age = parse_length(length.strip())
        except ValueError as error:
            raise _wrong(str(error)) from error
        if age > _LONGEST:
            raise _wrong(f"{length.strip()} is longer than a thousand years")
        kept |= {status: age} if equals else dict.fromkeys(FINISHED, age)
    return kept


class Janitor:
    """Purges, batch by batch, until it is cancelled; several of them do not get in each other's way."""

    def __init__(self, operations: Operations, kept: Mapping[str, timedelta]) -> None:
        self._operations = operations
        self._kept = kept

    async def run(self) -> None:
        """Goes through what has ended, again and again."""
        pause = _FIRST_SECONDS
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
            pause = PAUSE_SECONDS
            try:
                await self._pass()
            except (DatabaseUnavailable, StoreRefused) as error:
                log.warning("what ended long ago could not be purged", reason=error.message)

    async def _pass(self) -> None:
        for status, age in self._kept.items():
            workflows = cloud_events = 0
            while any(purged := await self._operations.purge(age, [status], BATCH)):
                workflows += purged.workflows
                cloud_events += purged.cloud_events
                await asyncio.sleep(_REST_SECONDS)
            if workflows or cloud_events:
                log.info(
                    "what ended long ago is purged",
                    status=status,
                    workflows=workflows,
                    cloud_events=cloud_events,
                )


def _wrong(problem: str) -> SettingsError:
    return SettingsError(
        f"PGWORKER_RETENTION: {problem}",
        hint="One length of time, such as 30d, or one a status, such as completed=7d,failed=90d.",
    )
