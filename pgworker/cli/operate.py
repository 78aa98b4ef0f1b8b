"""What operators look at: workers, the queue, what waits, what failed, how everything is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pgworker.cli.connect import ask
from pgworker.cli.output import Format, OutputOption, chosen, write_list, write_table
from pgworker.cli.performing import given, size

if TYPE_CHECKING:
    from pgworker.client import ActivityRow, Client, JobRow, WorkerRow

_MOST_ACTIVITIES = 1000

LimitOption = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many at most.")]

_WORKERS: Final[dict[str, Callable[[WorkerRow], object]]] = {
    "id": lambda row: row.id,
    "host": lambda row: row.host,
    "pid": lambda row: row.pid,
    "version": lambda row: row.version,
    "busy": lambda row: f"{row.busy} of {row.slots}",
    "idle": lambda row: row.idle,
    "started": lambda row: row.started_at,
    "heartbeat": lambda row: row.heartbeat_at,
    "busy since": lambda row: row.busy_since,
    "output": lambda row: size(row.output_bytes) if row.output_bytes else None,
}
_LONG: Final[dict[str, Callable[[ActivityRow], object]]] = {
    "id": lambda row: row.workflow_id,
    "task": lambda row: row.name,
    "activity": lambda row: row.activity,
    "attempt": lambda row: row.attempt,
    "running": lambda row: row.running,
    "output": given,
    "worker": lambda row: row.worker_id,
}
_JOBS: Final[dict[str, Callable[[JobRow], object]]] = {
    "id": lambda row: row.workflow_id,
    "seq": lambda row: row.seq,
    "kind": lambda row: row.kind,
    "due": lambda row: row.due_at,
    "attempt": lambda row: row.attempt,
    "worker": lambda row: row.worker_id,
    "leased until": lambda row: row.leased_until,
    "running since": lambda row: row.running_since,
    "output": lambda row: size(row.output_bytes) if row.output_bytes else None,
}


def workers(output: OutputOption = None) -> None:
    """List the worker processes, and how far the long ones of their activities are."""

    async def looking(client: Client) -> tuple[Sequence[WorkerRow], Sequence[ActivityRow]]:
        return await client.workers(), await client.activities(limit=_MOST_ACTIVITIES)

    rows, activities = ask(looking)
    long = [one for one in activities if one.running is not None]
    if chosen(output) is Format.TABLE:
        write_table(rows, _WORKERS)
        if long:
            print()
            write_table(long, _LONG)
        return
    write_list([asdict(row) | {"activities": _of(row, long)} for row in rows], {}, output)


def _of(worker: WorkerRow, activities: Sequence[ActivityRow]) -> list[ActivityRow]:
    return [one for one in activities if one.worker_id == worker.id]


def queue(limit: LimitOption = 100, output: OutputOption = None) -> None:
    """List what is to be done or being done, the most urgent first."""
    write_list(ask(lambda client: client.jobs(limit)), _JOBS, output)


def waiting(limit: LimitOption = 100, output: OutputOption = None) -> None:
    """List what each workflow that has not ended waits for."""
    rows = ask(lambda client: client.waiting(limit))
    write_rows(rows, ("workflow_id", "name", "waits_for", "task", "since", "until", "detail"), output)


def failures(limit: LimitOption = 100, output: OutputOption = None) -> None:
    """List the errors of failed workflows, alike ones together."""
    rows = ask(lambda client: client.failures(limit))
    columns = (
        "name",
        "version",
        "task",
        "title",
        "status",
        "workflows",
        "last_at",
        "latest_id",
        "latest_detail",
    )
    write_rows(rows, columns, output)


def schedules(limit: LimitOption = 100, output: OutputOption = None) -> None:
    """List what is scheduled."""
    rows = ask(lambda client: client.schedules(limit))
    write_rows(rows, ("name", "version", "next_at", "last_at", "runs", "schedule", "problem"), output)


def health(output: OutputOption = None) -> None:
    """Say how the engine is, with advice; the exit code is 1 if anything is bad."""
    rows = ask(lambda client: client.health())
    write_rows(rows, ("topic", "state", "value", "advice"), output)
    if any(row["state"] == "bad" for row in rows):
        raise typer.Exit(1)


def write_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], output: Format | None) -> None:
    """Writes rows of a view: the named columns as a table, everything as JSON."""
    write_list(rows, {name: itemgetter(name) for name in columns}, output)
