"""``pgworker lifecycle``: what a workflow and its tasks went through, as CloudEvents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pgworker.cli.connect import ask
from pgworker.cli.control import IdArgument
from pgworker.cli.output import Format, OutputOption, chosen, write_list, write_table

if TYPE_CHECKING:
    from pgworker.client import Client, LifecycleRow

_COLUMNS: Final[dict[str, Callable[[LifecycleRow], object]]] = {
    "seq": lambda row: row.seq,
    "time": lambda row: row.time,
    "type": lambda row: row.type,
    "task": lambda row: row.data.get("task"),
}


def lifecycle(workflow_id: IdArgument, output: OutputOption = None) -> None:
    """List a workflow's lifecycle events; in JSON each is a CloudEvent in structured mode."""

    async def looking(client: Client) -> Sequence[LifecycleRow]:
        rows = await client.lifecycle(str(workflow_id))
        if not rows:
            await client.get(str(workflow_id))  # raises if there is no such workflow
        return rows

    rows = ask(looking)
    if chosen(output) is Format.TABLE:
        write_table(rows, _COLUMNS)
    else:
        write_list([row.cloud_event for row in rows], {}, output)
