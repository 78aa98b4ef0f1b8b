"""``pgworker run``: one workflow of one document, worked on in this process."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli import progress
from pgworker.cli.connect import load_settings, own_database
from pgworker.cli.documents import read_document
from pgworker.cli.failures import Exit, paragraph, tell
from pgworker.cli.functions import FunctionsOption, functions_of, with_functions
from pgworker.cli.inputs import InputOption, MemberOption, TimeoutOption, workflow_input
from pgworker.cli.output import write_json
from pgworker.cli.performing import watched
from pgworker.worker.stopping import Stop, asked_to_stop

if TYPE_CHECKING:
    from pgworker.activities.functions.library import Functions
    from pgworker.client import Client, Workflow
    from pgworker.plan.nodes import Plan
    from pgworker.settings import Settings
    from pgworker.types import JsonValue


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for."""

    plan: Plan
    input: JsonValue
    timeout: float | None
    is_quiet: bool
    functions: Functions


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the run ended; the workflow itself may live on."""

    workflow: Workflow
    stopped: int | None
    """The exit code, if a signal ended the run before the workflow did."""


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The document; - reads it from stdin.")],
    *,
    input_: InputOption = None,
    param: MemberOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write one object: workflow_id, status, output and error.")
    ] = False,
    timeout: TimeoutOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    functions: FunctionsOption = None,
) -> None:
    """Run a document: register it, start one workflow, work on it here, and print its output.

    Without a database in the settings, an embedded PostgreSQL is started. The progress goes to stderr.
    """
    given = workflow_input(input_, param)
    settings = with_functions(load_settings(), functions)
    loaded = functions_of(settings)
    order = _Order(read_document(file, loaded.names).plan, given, timeout, quiet, loaded)
    log_trouble_only(settings)
    with own_database(settings) as prepared:
        ending = asyncio.run(_work(prepared, order))
    if json:
        workflow = ending.workflow
        write_json(
            {
                "workflow_id": workflow.id,
                "status": workflow.status,
                "output": workflow.output,
                "error": workflow.error,
            }
        )
    elif ending.workflow.status == "COMPLETED":
        write_json(ending.workflow.output)
    raise typer.Exit(_tell(ending, order, is_embedded=not settings.has_database))


async def _work(settings: Settings, order: _Order) -> _Ending:
    """Starts the workflow and works until it has ended, until the time is over, or until a signal comes."""
    from pgworker.client import Client
    from pgworker.worker.service import serve

    plan = order.plan
    async with Client(settings.database, settings.db_schema) as client:
        with asked_to_stop() as stop:
            await client.define(plan.definition, functions=order.functions.names)
            workflow_id = await client.start(
                plan.name, order.input, namespace=plan.namespace, version=plan.version
            )
            quitting = asyncio.Event()
            working = asyncio.create_task(serve(settings, quitting, functions=order.functions))
            following = asyncio.create_task(_follow(client, workflow_id, order))
            stopping = asyncio.create_task(stop.event.wait())
            done, _ = await asyncio.wait(
                {working, following, stopping}, timeout=order.timeout, return_when=asyncio.FIRST_COMPLETED
            )
            quitting.set()
            await _wind_up(working, following, stopping)
            for task in done:
                task.result()
        return await _ending(client, workflow_id, stop)


async def _follow(client: Client, workflow_id: str, order: _Order) -> None:
    if not order.is_quiet:
        typer.echo(f"workflow {workflow_id}", err=True)
    async with nullcontext() if order.is_quiet else watched(client, workflow_id):
        async for row in client.follow(workflow_id):
            if not order.is_quiet:
                progress.show(row)


async def _wind_up(working: asyncio.Task[None], *others: asyncio.Task[object]) -> None:
    """Lets the worker end gracefully; the others have nothing to lose."""
    for task in others:
        task.cancel()
    await asyncio.wait([working, *others])


async def _ending(client: Client, workflow_id: str, stop: Stop) -> _Ending:
    workflow = await client.get(workflow_id)
    stopped = stop.exit_code if stop.number is not None and not workflow.is_finished else None
    return _Ending(workflow, stopped)


def _tell(ending: _Ending, order: _Order, *, is_embedded: bool) -> int:
    from pgworker.client.client import failure_of
    from pgworker.errors import WaitTimedOut

    workflow = ending.workflow
    if workflow.status == "COMPLETED":
        return Exit.DONE
    if workflow.is_finished:
        return tell(failure_of(workflow.id, workflow))
    hint = (
        "Nothing is lost: the next `pgworker run` goes on with it."
        if is_embedded
        else "Nothing is lost: `pgworker worker` goes on with it."
    )
    if ending.stopped is None:
        return tell(
            WaitTimedOut(
                f"the workflow {workflow.id} is still {workflow.status} after {order.timeout:g} s", hint=hint
            )
        )
    sys.stdout.flush()
    paragraph(f"stopped while the workflow {workflow.id} is {workflow.status}", hint=hint)
    return ending.stopped


def log_trouble_only(settings: Settings) -> None:
    """The worker in this process speaks up about trouble only, unless the settings say otherwise."""
    from pgworker.telemetry import configure_logging

    level = settings.log_level if "log_level" in settings.model_fields_set else "WARNING"
    configure_logging(level, settings.log_format)
