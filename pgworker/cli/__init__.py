"""The command line: it talks to people, and leaves SQL and decisions to the rooms below."""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated

import typer

from pgworker import __version__
from pgworker.cli import run
from pgworker.cli.failures import told
from pgworker.cli.signals import unwind_on_termination

app = typer.Typer(
    name="pgworker",
    help="Durable workflows on PostgreSQL: Serverless Workflow documents, run by worker processes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(told(run.run))


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"pgworker {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The command ``pgworker``."""
    unwind_on_termination()
    # The driver's pool tells every failed attempt to connect by itself; what comes of it, we tell.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="pgworker")
