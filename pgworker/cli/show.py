"""``pgworker list``, ``show`` and ``history``: workflows as they are, and what happened to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from pgworker.cli.connect import ask
from pgworker.cli.control import IdArgument
from pgworker.cli.inputs import LabelOption, labels
from pgworker.cli.operate import LimitOption
from pgworker.cli.output import (
    Format,
    OutputOption,
    chosen,
    json_line,
    printable,
    text,
    write_json,
    write_list,
    write_table,
)

if TYPE_CHECKING:
    from pgworker.client import Client, HistoryRow, TaskRow, Workflow


class Status(StrEnum):
    """The statuses of a workflow, as they are written on the command line."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def _definition(workflow: Workflow) -> str:
    return f"{workflow.namespace}/{workflow.name}:{workflow.version}"


def _took(workflow: Workflow) -> object:
    if workflow.started_at is None:
        return None
    return (workflow.ended_at or datetime.now(UTC)) - workflow.started_at


_LIST: Final[dict[str, Callable[[Workflow], object]]] = {
    "id": lambda row: row.id,
    "status": lambda row: row.status,
    "workflow": _definition,
    "created": lambda row: row.created_at,
    "took": _took,
    "error": lambda row: (row.error or {}).get("title"),
}
_TASKS: Final[dict[str, Callable[[TaskRow], object]]] = {
    "task": lambda row: row.name if row.iteration is None else f"{row.name}[{row.iteration}]",
    "kind": lambda row: row.kind,
    "status": lambda row: row.status,
    "attempt": lambda row: row.attempt,
    "started": lambda row: row.started_at,
    "took": lambda row: None if not (row.ended_at and row.started_at) else row.ended_at - row.started_at,
    "output": lambda row: (row.error or {}).get("title") if row.error else row.output,
}
_EVENTS: Final[dict[str, Callable[[HistoryRow], object]]] = {
    "seq": lambda row: row.seq,
    "elapsed": lambda row: row.elapsed,
    "type": lambda row: row.type,
    "task": lambda row: row.name if row.iteration is None else f"{row.name}[{row.iteration}]",
    "took": lambda row: row.duration,
    "error": lambda row: (row.error or {}).get("title"),
}
_VALUES: Final[dict[str, Callable[[HistoryRow], object]]] = {
    "input": lambda row: row.input,
    "output": lambda row: row.output,
    "error": lambda row: row.error,
    "data": lambda row: row.data,
    "actor": lambda row: row.actor,
}


def list_(
    *,
    status: Annotated[
        list[Status] | None, typer.Option(case_sensitive=False, help="With this status; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the definition with this name.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Of this namespace.")] = None,
    label: LabelOption = None,
    limit: LimitOption = 100,
    before: Annotated[
        UUID | None, typer.Option(metavar="ID", help="Older than this one: the next page.")
    ] = None,
    output: OutputOption = None,
) -> None:
    """List workflows, newest first."""
    filters = labels(label)
    rows = ask(
        lambda client: client.list(
            namespace=namespace,
            name=name,
            statuses=[str(one) for one in status or ()],
            labels=filters,
            before=None if before is None else str(before),
            limit=limit,
        )
    )
    write_list(rows, _LIST, output)


def show(workflow_id: IdArgument, output: OutputOption = None) -> None:
    """Show one workflow with its tasks."""

    async def looking(client: Client) -> tuple[Workflow, Sequence[TaskRow]]:
        return await client.get(str(workflow_id)), await client.tasks(str(workflow_id))

    workflow, tasks = ask(looking)
    if chosen(output) is not Format.TABLE:
        write_json({**asdict(workflow), "tasks": tasks})
        return
    for title, value in _facts(workflow):
        print(f"{title:10} {value}")
    if tasks:
        print()
        write_table(tasks, _TASKS)


def history(
    workflow_id: IdArgument,
    full: Annotated[bool, typer.Option("--full", help="In a table too, show all values.")] = False,
    after: Annotated[int, typer.Option(min=0, metavar="SEQ", help="Only what came after this event.")] = 0,
    output: OutputOption = None,
) -> None:
    """Show what happened to a workflow, event by event; durations in JSON are seconds."""

    async def looking(client: Client) -> Sequence[HistoryRow]:
        rows = await client.history(str(workflow_id), after)
        if not rows:
            await client.get(str(workflow_id))  # raises if there is no such workflow
        return rows

    rows = ask(looking)
    if full and chosen(output) is Format.TABLE:
        for row in rows:
            _write_event(row)
        return
    write_list(rows, _EVENTS, output)


def _write_event(row: HistoryRow) -> None:
    print(" ".join(filter(None, (text(column(row)) for column in list(_EVENTS.values())[:5]))))
    for title, value in _VALUES.items():
        shown = value(row)
        if shown is not None and shown != {}:
            print(f"    {title}: {printable(shown if isinstance(shown, str) else json_line(shown))}")


def _facts(workflow: Workflow) -> list[tuple[str, str]]:
    facts: dict[str, object] = {
        "id": workflow.id,
        "workflow": _definition(workflow),
        "status": workflow.status,
        "labels": workflow.labels or None,
        "key": workflow.idempotency_key,
        "priority": workflow.priority or None,
        "parent": workflow.parent_id,
        "created": workflow.created_at,
        "started": workflow.started_at,
        "ended": workflow.ended_at,
        "took": _took(workflow),
        "events": workflow.last_seq,
        "input": workflow.input,
        "output": workflow.output,
        "error": workflow.error,
    }
    return [(title, text(value)) for title, value in facts.items() if value is not None]
