"""The option ``--functions``: Python functions that documents may call, and workers perform."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.connect import load_settings

if TYPE_CHECKING:
    from pgworker.activities.functions.library import Functions
    from pgworker.settings import Settings

FunctionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--functions",
        metavar="MODULE[:WORKER]",
        help="Python functions that documents may call; may be repeated.",
        show_default=False,
    ),
]


def with_functions(settings: Settings, given: list[str] | None) -> Settings:
    """The settings with the places that were named, if any were."""
    return settings.model_copy(update={"functions": ",".join(given)}) if given else settings


def functions_of(settings: Settings) -> Functions:
    """The functions that the settings name; raises ``SettingsError``."""
    from pgworker.activities.functions.library import Functions

    if not settings.functions:
        return Functions()
    from pgworker.worker.loading import load_functions

    return load_functions(settings.functions)


def named_functions(given: list[str] | None) -> tuple[str, ...]:
    """The names of the functions of the option, or else of the environment; raises ``SettingsError``."""
    if not given and not os.environ.get("PGWORKER_FUNCTIONS"):
        return ()  # as a rule; then nothing has to be loaded
    return functions_of(with_functions(load_settings(), given)).names
