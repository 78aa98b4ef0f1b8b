"""``pgworker executor``: performs activities for workers elsewhere, without a database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.connect import load_settings
from pgworker.cli.functions import FunctionsOption, functions_of, with_functions
from pgworker.worker.stopping import asked_to_stop

if TYPE_CHECKING:
    from pgworker.activities.functions.library import Functions
    from pgworker.settings import Settings


def executor(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8090,
    functions: FunctionsOption = None,
) -> None:
    """Perform what workers with PGWORKER_EXECUTOR_URL hand over, until SIGTERM or SIGINT."""
    from pgworker.telemetry import configure_logging

    settings = with_functions(load_settings(), functions)
    configure_logging(settings.log_level, settings.log_format)
    asyncio.run(_serve(settings, host, port, functions_of(settings)))


async def _serve(settings: Settings, host: str, port: int, functions: Functions) -> None:
    from pgworker.worker.executor import serve_executor

    with asked_to_stop() as stop:
        await serve_executor(settings, host, port, stop.event, functions)
