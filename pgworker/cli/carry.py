"""``pgworker export`` and ``import``: a workflow goes from one database to another as a file."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from pgworker.cli.connect import ask
from pgworker.cli.control import IdArgument

if TYPE_CHECKING:
    from pgworker.client import Client


def export(
    workflow_id: IdArgument,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Write there.", show_default="standard output")
    ] = None,
) -> None:
    """Write a workflow and those that it started, whole, as JSON Lines."""

    async def exporting(client: Client) -> None:
        lines = client.export(str(workflow_id))
        if file is None:
            await _write(lines, sys.stdout)
            return
        with _whole(file) as opened:
            await _write(lines, opened)

    ask(exporting)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="What export has written; - is stdin.")],
) -> None:
    """Take in what export has written, all of it or nothing; prints the ids of the workflows."""

    async def importing(client: Client) -> None:
        if str(file) == "-":
            found = await client.import_(_stdin())
        else:
            with file.open(encoding="utf-8") as opened:
                found = await client.import_(opened)
        print("\n".join(found))

    ask(importing)


def _stdin() -> TextIO:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return TextIOWrapper(sys.stdin.buffer, encoding="utf-8")


async def _write(lines: AsyncIterator[str], file: TextIO) -> None:
    async for line in lines:
        file.write(f"{line}\n")


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that is there when everything is in it; who may read one that is replaced may read it.

    What is no file but a device or a pipe is written to as it goes.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as opened:
            yield opened
        return
    path = path.resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("x", encoding="utf-8") as opened:
            if path.exists():
                partial.chmod(path.stat().st_mode)
            yield opened
        partial.replace(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
