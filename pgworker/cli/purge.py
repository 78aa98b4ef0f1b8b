"""``pgworker purge``: workflows that ended long ago go, with their histories."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.connect import ask
from pgworker.cli.inputs import age

if TYPE_CHECKING:
    from pgworker.client import Client


class Ended(StrEnum):
    """The statuses of workflows that have ended."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def purge(
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Ended longer ago: 30d, 12h, 45m, or an ISO 8601 duration.")
    ],
    status: Annotated[
        list[Ended] | None, typer.Option(case_sensitive=False, help="Only with this status; may be repeated.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=100_000, help="How many in one transaction.")] = 1000,
) -> None:
    """Remove workflows that ended long ago, whole with their histories; prints how many."""
    old: timedelta = age(older_than)
    statuses = [str(one) for one in status or Ended]

    async def purging(client: Client) -> int:
        return sum([purged async for purged in client.purge(old, statuses, batch)])

    print(ask(purging))
