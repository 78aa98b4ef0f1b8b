"""Documents named on the command line: read, compiled, and their warnings told."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pgworker.errors import DocumentError, PgworkerError

if TYPE_CHECKING:
    from pgworker.dsl.compile import Compiled

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def read_document(path: Path, functions: Collection[str] = ()) -> Compiled:
    """The compiled document of a file, or of stdin for ``-``; its warnings go to stderr.

    It may call the Python ``functions`` of these names.

    Raises ``DocumentError``, and ``OSError`` for a file that cannot be read.
    """
    from pgworker.dsl.compile import compile_document
    from pgworker.dsl.diagnostics import render
    from pgworker.dsl.load import load
    from pgworker.dsl.v1_0.registered import registered_functions

    is_stdin = str(path) == "-"
    source = "<stdin>" if is_stdin else str(path)
    document = load(sys.stdin.buffer.read() if is_stdin else path.read_bytes(), source)
    found = compile_document(document, registered_functions(functions))
    if found.warnings:
        warnings = [replace(w, message=f"warning: {w.message}") for w in found.warnings]
        typer.echo(render(DocumentError(warnings, source=source)), err=True)
    return found


def document_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and the documents below the folders; raises ``PgworkerError`` for a folder without any."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
        if not found:
            raise PgworkerError(f"the folder {path} has no documents: no *.yaml, *.yml or *.json")
        yield from found
