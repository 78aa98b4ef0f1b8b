"""``pgworker verify``: whether everything in the database is as it has to be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from pgworker.cli.connect import ask
from pgworker.cli.output import OutputOption, write_list

if TYPE_CHECKING:
    from pgworker.client import Client, Flaw

_COLUMNS: Final[dict[str, Callable[[Flaw], object]]] = {
    "problem": lambda flaw: flaw.problem,
    "id": lambda flaw: flaw.workflow_id,
    "detail": lambda flaw: flaw.detail,
}


def verify(
    workflow_id: Annotated[
        UUID | None, typer.Argument(metavar="[ID]", help="Only this workflow; without it, all.")
    ] = None,
    output: OutputOption = None,
) -> None:
    """Check every invariant of the database; it may be in use meanwhile.

    Histories, rows, results, timers, jobs, listens and children have to agree, and a replay of each history
    has to give what is stored. Lists what is wrong; the exit code is 1 if there is anything.
    """

    async def verifying(client: Client) -> tuple[int, list[Flaw]]:
        checked = 0
        flaws: list[Flaw] = []
        total = await client.count() if workflow_id is None else 1
        with _progress(total) as advance:
            async for verified in client.verify(None if workflow_id is None else str(workflow_id)):
                checked += verified.workflows
                flaws.extend(verified.flaws)
                advance(verified.workflows)
        return checked, flaws

    checked, flaws = ask(verifying)
    write_list(flaws, _COLUMNS, output)
    found = f"{len(flaws)} flaws" if flaws else "nothing is wrong"
    typer.echo(f"{checked} workflows verified: {found}", err=True)
    if flaws:
        raise typer.Exit(1)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where a person looks at it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verifying", total=total)
        yield lambda count: progress.advance(task, count)
