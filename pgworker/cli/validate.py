"""``pgworker validate`` and ``pgworker deploy``: documents are checked, and become definitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgworker.cli.documents import document_files, read_document
from pgworker.cli.failures import Exit, tell
from pgworker.cli.functions import FunctionsOption, named_functions
from pgworker.cli.output import printable
from pgworker.errors import DocumentError

if TYPE_CHECKING:
    from pgworker.client import Client
    from pgworker.types import JsonObject


def validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="Documents, or folders of them; - reads stdin.")
    ],
    functions: FunctionsOption = None,
) -> None:
    """Check documents; says ok for each good one, and everything that is wrong with the others."""
    is_good = True
    names = named_functions(functions)
    for file in document_files(files):
        if _definition(file, names) is None:
            is_good = False
        else:
            print(f"{printable(str(file))}: ok")
    if not is_good:
        raise typer.Exit(Exit.FAILED)


def deploy(
    paths: Annotated[list[Path], typer.Argument(metavar="PATHS", help="Documents, or folders of them.")],
    functions: FunctionsOption = None,
) -> None:
    """Check documents and, if all are good, store them as definitions; prints their names."""
    from pgworker.cli.connect import ask

    names = named_functions(functions)
    files = [*document_files(paths)]
    ask(lambda client: _define(client, files, names))


async def _define(client: Client, files: Sequence[Path], names: Sequence[str]) -> None:
    known = {*names, *await client.functions()}
    definitions = [_definition(file, known) for file in files]
    good = [definition for definition in definitions if definition is not None]
    if len(good) < len(definitions):
        raise typer.Exit(Exit.FAILED)
    for definition in good:
        print(await client.define(definition, functions=names))


def _definition(file: Path, functions: Collection[str]) -> JsonObject | None:
    """The definition of a good document; what is wrong with a bad one is told."""
    try:
        return read_document(file, functions).plan.definition
    except (DocumentError, OSError) as error:
        tell(error)
        return None
