"""``pgworker tail``, ``replay`` and ``timeline``: one workflow as it goes, as it was, and as a chart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.connect import ask
from pgworker.cli.control import IdArgument
from pgworker.cli.inputs import moment
from pgworker.cli.operate import write_rows
from pgworker.cli.output import (
    Format,
    OutputOption,
    brief,
    chosen,
    duration,
    json_line,
    printable,
    write_json,
)
from pgworker.cli.performing import watched

if TYPE_CHECKING:
    from pgworker.client import Client, Moment, ProgressRow


def tail(
    workflow_id: IdArgument,
    after: Annotated[int, typer.Option(min=0, metavar="SEQ", help="Only what comes after this event.")] = 0,
    output: OutputOption = None,
) -> None:
    """Show the events of a workflow as they happen, until it has ended.

    On stderr, how far long activities are.
    """
    as_json = chosen(output) is not Format.TABLE

    async def following(client: Client) -> None:
        await client.get(str(workflow_id))  # raises if there is no such workflow
        async with watched(client, str(workflow_id)):
            async for row in client.follow(str(workflow_id), after):
                print(json_line(row) if as_json else _line(row), flush=True)

    ask(following)


def replay(
    workflow_id: IdArgument,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="SEQ|TIME", help="After this event, or at this time in ISO 8601.", show_default="now"
        ),
    ] = None,
    state: Annotated[
        bool, typer.Option("--state", help="Everything as one JSON object: context, data, what is open.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Travel in time: status, context, data and tasks as they stood, and what the next event changed."""
    when = _point(at)
    if state:
        write_json(_told(ask(lambda client: client.moment(str(workflow_id), when))))
        return
    rows = ask(lambda client: client.state_at(str(workflow_id), when))
    if chosen(output) is Format.TABLE:
        print("\n".join(_header(ask(lambda client: client.moment(str(workflow_id), when)))) + "\n")
    write_rows(
        rows, ("name", "kind", "status", "iteration", "started_at", "input", "output", "error"), output
    )


def timeline(
    workflow_id: IdArgument,
    width: Annotated[int, typer.Option(min=10, max=1000, help="Of the chart, in characters.")] = 40,
    output: OutputOption = None,
) -> None:
    """Draw a chart of when each task of a workflow ran."""
    rows = ask(lambda client: client.timeline(str(workflow_id), width))
    if chosen(output) is not Format.TABLE:
        write_rows(rows, ("task", "chart", "status", "began", "duration"), output)
        return
    widest = max((len(row["task"]) for row in rows), default=0)
    for row in rows:
        chart = (
            typer.style(row["chart"], fg=_COLOURS.get(row["status"])) if sys.stdout.isatty() else row["chart"]
        )
        print(f"{printable(row['task']):{widest}}  |{chart}|  {duration(row['duration'])}")


def _told(moment: Moment) -> dict[str, object]:
    return {
        "seq": moment.seq,
        "at": moment.at,
        **moment.state,
        "next": None if moment.next is None else moment.next._asdict(),
        "changes": [
            {"where": change.where, "before": change.before, "after": change.after}
            for change in moment.changes
        ],
    }


def _header(moment: Moment) -> Iterator[str]:
    """What there is to say beside the tasks."""
    yield f"event    {moment.seq}, {moment.at:%Y-%m-%d %H:%M:%S}: {moment.state['status']}"
    for name in ("context", "data", "error"):
        if moment.state[name] is not None:
            yield f"{name:8} {brief(moment.state[name])}"
    if moment.next is not None:
        yield printable(f"next     {moment.next.seq} {moment.next.type} {moment.next.task or ''}".rstrip())
        for change in moment.changes:
            yield printable(f"         {change.where}: {brief(change.before)} -> {brief(change.after)}")


_COLOURS = {"COMPLETED": "green", "FAILED": "red", "RUNNING": "blue", "SCHEDULED": "yellow"}


_DIGITS = 20
"""More than the number of any event has."""


def _point(at: str | None) -> int | datetime | None:
    if at is None:
        return None
    return int(at[:_DIGITS]) if at.isdecimal() else moment(at)


def _line(row: ProgressRow) -> str:
    name = row.name or ""
    words = [
        f"{row.seq:6}",
        row.type,
        name if row.iteration is None else f"{name}[{row.iteration}]",
        "" if row.duration is None else duration(row.duration),
        "" if row.error is None else f"{row.error.get('title')}: {row.error.get('detail')}",
    ]
    return printable(" ".join(filter(None, words)))
