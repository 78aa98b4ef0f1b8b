"""``pgworker dev``: a database and a worker in one command, to try things out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.connect import load_settings, own_database
from pgworker.cli.documents import document_files, read_document
from pgworker.cli.functions import FunctionsOption, functions_of, with_functions
from pgworker.cli.run import log_trouble_only
from pgworker.worker.stopping import asked_to_stop

if TYPE_CHECKING:
    from pgworker.activities.functions.library import Functions
    from pgworker.settings import Settings
    from pgworker.types import JsonObject


def dev(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATHS]", help="Documents, or folders of them, to deploy first."),
    ] = None,
    functions: FunctionsOption = None,
) -> None:
    """Prepare a database, deploy documents, and work until stopped.

    Without a database in the settings, an embedded PostgreSQL is started; its URL is told, so that other
    terminals can talk to it.
    """
    settings = with_functions(load_settings(), functions)
    loaded = functions_of(settings)
    definitions = [read_document(file, loaded.names).plan.definition for file in document_files(paths or [])]
    log_trouble_only(settings)
    with own_database(settings) as prepared:
        asyncio.run(_work(prepared, definitions, loaded, is_embedded=not settings.has_database))


async def _work(
    settings: Settings, definitions: list[JsonObject], functions: Functions, *, is_embedded: bool
) -> None:
    from pgworker.client import Client
    from pgworker.worker.service import serve

    async with Client(settings.database, settings.db_schema) as client:
        for definition in definitions:
            print(f"deployed {await client.define(definition, functions=functions.names)}", flush=True)
    if is_embedded:
        print(f"export PGWORKER_DATABASE_URL='{settings.database}'", flush=True)
    with asked_to_stop() as stop:
        typer.echo("working; stop with Ctrl-C", err=True)
        await serve(settings, stop.event, functions=functions)
