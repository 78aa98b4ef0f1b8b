"""``pgworker worker``: engine processes under a supervisor."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pgworker.cli.connect import check_schema, load_settings
from pgworker.cli.functions import FunctionsOption, functions_of, with_functions

if TYPE_CHECKING:
    from pgworker.settings import Settings


def worker(
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="Engine processes; 1 if not set.", show_default=False)
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help="Activities at once per process; 10 if not set.", show_default=False
        ),
    ] = None,
    functions: FunctionsOption = None,
) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way or give it back.

    A second signal ends at once.
    """
    from pgworker.telemetry import configure_logging

    asked = {"processes": processes, "concurrency": concurrency}
    settings = with_functions(load_settings(), functions).model_copy(
        update={k: v for k, v in asked.items() if v is not None}
    )
    configure_logging(settings.log_level, settings.log_format)
    _check(settings)
    _refuse_unprepared(settings)
    _become_supervisor(settings)


def _check(settings: Settings) -> None:
    """What is wrong is told once: processes that cannot start would be started again and again."""
    from pgworker.telemetry import log
    from pgworker.worker.policies import check_settings

    for name, meant in type(settings).strangers(os.environ).items():
        log.warning("this is no setting", name=name, meant=meant)
    functions_of(settings)
    check_settings(settings)


def _refuse_unprepared(settings: Settings) -> None:
    """A database without the schema is an error to be told; one that is away comes back."""
    from pgworker.errors import DatabaseUnavailable
    from pgworker.store.readiness import unprepared
    from pgworker.telemetry import log

    try:
        if not check_schema(settings):
            raise unprepared(settings.db_schema)
    except DatabaseUnavailable as error:
        log.warning("the database is not there yet", reason=error.message)


def _become_supervisor(settings: Settings) -> NoReturn:
    """Goes on as a process that needs a fraction of this one's memory; its children read the environment."""
    environment = os.environ | {
        "PGWORKER_CONCURRENCY": str(settings.concurrency),
        "PGWORKER_PROCESSES": str(settings.processes),
        "PGWORKER_FUNCTIONS": settings.functions,
        "PGWORKER_LOG_LEVEL": settings.log_level,
    }
    arguments = [str(settings.processes), str(settings.grace_seconds)]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "pgworker.worker.supervisor", *arguments], environment)
