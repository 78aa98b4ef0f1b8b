"""The command line: it talks to people, and leaves SQL and decisions to the rooms below."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from pgworker import __version__
from pgworker.cli.carry import export, import_
from pgworker.cli.conformance import conformance
from pgworker.cli.control import cancel, pause, resume, retry
from pgworker.cli.dev import dev
from pgworker.cli.diagram import diagram
from pgworker.cli.doctor import doctor
from pgworker.cli.executor import executor
from pgworker.cli.failures import told
from pgworker.cli.lifecycle import lifecycle
from pgworker.cli.migrate import migrate
from pgworker.cli.operate import failures, health, queue, schedules, waiting, workers
from pgworker.cli.psql import psql
from pgworker.cli.publish import publish
from pgworker.cli.purge import purge
from pgworker.cli.run import run
from pgworker.cli.show import history, list_, show
from pgworker.cli.signals import unwind_on_termination
from pgworker.cli.start import start
from pgworker.cli.travel import replay, tail, timeline
from pgworker.cli.validate import deploy, validate
from pgworker.cli.verify import verify
from pgworker.cli.worker import worker

app = typer.Typer(
    name="pgworker",
    help="Durable workflows on PostgreSQL: Serverless Workflow documents, run by worker processes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(told(run))
app.command("worker")(told(worker))
app.command("migrate")(told(migrate))
app.command("validate")(told(validate))
app.command("diagram")(told(diagram))
app.command("deploy")(told(deploy))
app.command("conformance")(told(conformance))
app.command("start")(told(start))
app.command("list")(told(list_))
app.command("show")(told(show))
app.command("history")(told(history))
app.command("tail")(told(tail))
app.command("replay")(told(replay))
app.command("timeline")(told(timeline))
app.command("lifecycle")(told(lifecycle))
app.command("cancel")(told(cancel))
app.command("pause")(told(pause))
app.command("resume")(told(resume))
app.command("retry")(told(retry))
app.command("publish")(told(publish))
app.command("workers")(told(workers))
app.command("queue")(told(queue))
app.command("waiting")(told(waiting))
app.command("failures")(told(failures))
app.command("schedules")(told(schedules))
app.command("health")(told(health))
app.command("verify")(told(verify))
app.command("export")(told(export))
app.command("import")(told(import_))
app.command("purge")(told(purge))
app.command("doctor")(told(doctor))
app.command("dev")(told(dev))
app.command("executor")(told(executor))
app.command(
    "psql",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": ["--help"],
    },
)(told(psql))


@app.command("version")
@told
def _version() -> None:
    """Show the version."""
    print(f"pgworker {__version__}")


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


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def main() -> None:
    """The command ``pgworker``."""
    unwind_on_termination()
    # The driver's pool tells every failed attempt to connect by itself; what comes of it, we tell.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    # who closed them does not want to hear anything
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="pgworker")
    except OSError as error:  # of what the command line itself writes; commands tell theirs
        sys.stderr.write(f"pgworker: {error.strerror}\n")
        sys.exit(1)
