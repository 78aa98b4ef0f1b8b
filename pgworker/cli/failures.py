"""Failures: each becomes one paragraph on stderr and an exit code, never a traceback."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import ParamSpec

import typer

from pgworker.cli.output import printable
from pgworker.dsl.diagnostics import render
from pgworker.errors import (
    DocumentError,
    NotFound,
    PgworkerError,
    ValueRefused,
    WaitTimedOut,
    WorkflowFailed,
)
from pgworker.types import JsonObject

P = ParamSpec("P")


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    NOT_FOUND = 4
    TIMED_OUT = 5
    INTERRUPTED = 130


def told(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with its failures told to the person who gave it."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            # Whoever read our answer has heard enough. What is flushed at the end goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.FAILED) from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(Exit.INTERRUPTED) from None
        except Exception as error:
            if _wants_traceback():
                traceback.print_exception(error)
            raise typer.Exit(tell(error)) from None

    return wrapper


def tell(error: Exception) -> Exit:
    """Tells what went wrong on stderr; returns the exit code that says so too."""
    match error:
        case DocumentError():
            typer.echo(render(error), err=True)
        case WorkflowFailed():
            paragraph(error.message, **_where(error.problem))
        case ValueRefused():
            paragraph(f"{error.message} (at {error.pointer or 'the root'})", hint=error.hint)
        case UnicodeEncodeError(object=text) | PgworkerError(__cause__=UnicodeEncodeError(object=text)):
            paragraph(
                f"what was given is not UTF-8: {text!r:.200}",
                hint="Arguments that are kept in the database, and files, are UTF-8.",
            )
        case PgworkerError():
            paragraph(error.message, hint=error.hint)
        case OSError() if error.filename is not None:
            paragraph(f"{os.fsdecode(error.filename)}: {error.strerror}")
        case OSError() if error.strerror is not None:
            paragraph(error.strerror)
        case _:
            paragraph(
                f"pgworker itself failed: {type(error).__name__}: {error}",
                hint="set PGWORKER_LOG_LEVEL=DEBUG for the traceback",
            )
    return code_of(error)


def code_of(error: Exception) -> Exit:
    """The exit code for an exception."""
    match error:
        case WorkflowFailed() if error.cancelled:
            return Exit.CANCELLED
        case NotFound():
            return Exit.NOT_FOUND
        case WaitTimedOut():
            return Exit.TIMED_OUT
        case UnicodeEncodeError() | PgworkerError(__cause__=UnicodeEncodeError()):
            return Exit.USAGE
        case _:
            return Exit.FAILED


def paragraph(message: str, **details: str | None) -> None:
    """One paragraph on stderr: the message, and below it its details."""
    lines = [f"pgworker: {' '.join(message.split())}"]
    lines.extend(f"  {name}: {' '.join(said.split())}" for name, said in details.items() if said)
    typer.echo("\n".join(printable(line) for line in lines), err=True)


def _where(problem: JsonObject | None) -> dict[str, str | None]:
    if problem is None:
        return {}
    return {name: str(problem[name]) for name in ("title", "type", "status", "instance") if name in problem}


def _wants_traceback() -> bool:
    level = os.environ.get("PGWORKER_LOG_LEVEL") or os.environ.get("LOG_LEVEL") or ""
    return level.upper() == "DEBUG"
