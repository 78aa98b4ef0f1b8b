"""``pgworker start``: workflows begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from pgworker.cli.connect import ask
from pgworker.cli.inputs import (
    InputOption,
    LabelOption,
    MemberOption,
    TimeoutOption,
    labels,
    moment,
    name,
    workflow_input,
)
from pgworker.cli.output import write_json

if TYPE_CHECKING:
    from pgworker.client import Client, StartOptions


def start(
    definition: Annotated[
        str, typer.Argument(metavar="NAME[:VERSION]", help="Without a version, the newest.")
    ],
    *,
    input_: InputOption = None,
    param: MemberOption = None,
    namespace: Annotated[
        str | None, typer.Option(help="Namespace of the definition.", show_default="default")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same one starts no second workflow.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When to begin, in ISO 8601.")] = None,
    priority: Annotated[int, typer.Option(min=-(2**31), max=2**31 - 1, help="Higher goes first.")] = 0,
    label: LabelOption = None,
    id_: Annotated[UUID | None, typer.Option("--id", help="The id to give it.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end, and print the output.")] = False,
    timeout: TimeoutOption = None,
) -> None:
    """Start a workflow; prints its id, or with --wait its output."""
    given = workflow_input(input_, param)
    named = name(definition, namespace)
    options: StartOptions = {
        "namespace": named.namespace,
        "version": named.version,
        "idempotency_key": key,
        "start_at": moment(at),
        "priority": priority,
        "labels": labels(label),
        "workflow_id": None if id_ is None else str(id_),
    }

    async def starting(client: Client) -> None:
        workflow_id = await client.start(named.name, given, **options)
        if not wait:
            print(workflow_id)
            return
        typer.echo(f"workflow {workflow_id}", err=True)
        write_json(await client.result(workflow_id, timeout))

    if timeout is not None and not wait:
        raise typer.BadParameter("--timeout is for --wait")
    ask(starting)
