"""``pgworker cancel``, ``pause``, ``resume`` and ``retry``: workflows that there are, steered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from pgworker.cli.connect import ask
from pgworker.errors import Conflict

if TYPE_CHECKING:
    from pgworker.client import Client

IdArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The workflow's id.")]


def cancel(
    workflow_id: IdArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the workflow's error.")] = None,
) -> None:
    """Cancel a workflow; an error if it has ended already."""
    _steer(workflow_id, "cancelled", lambda client, one: client.cancel(one, reason))


def pause(
    workflow_id: IdArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
) -> None:
    """Pause a workflow: what is being performed is finished, and nothing else begins until it is resumed."""
    _steer(workflow_id, "paused", lambda client, one: client.pause(one, reason))


def resume(workflow_id: IdArgument) -> None:
    """Let a paused workflow go on."""
    _steer(workflow_id, "resumed", lambda client, one: client.resume(one))


def retry(
    workflow_id: IdArgument,
    from_task: Annotated[
        str | None,
        typer.Option("--from", metavar="TASK", help="Go back to this task: its name or JSON Pointer."),
    ] = None,
) -> None:
    """Let a failed workflow go on, from the task that failed."""
    _steer(workflow_id, "retried", lambda client, one: client.retry(one, from_task))


def _steer(workflow_id: UUID, done: str, act: Callable[[Client, str], Awaitable[bool]]) -> None:
    async def steering(client: Client) -> None:
        one = str(workflow_id)
        if not await act(client, one):
            status = (await client.outcome(one)).status
            raise Conflict(f"the workflow {one} is {status} and cannot be {done}")
        print(f"{done} {one}")

    ask(steering)
