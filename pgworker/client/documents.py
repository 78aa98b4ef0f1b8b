"""Documents in whichever form a caller has them, compiled before anybody else sees them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pgworker.dsl.compile import Compiled, compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.dsl.v1_0.registered import registered_functions
from pgworker.types import JsonObject


def compiled(
    document: str | bytes | Path | JsonObject, source: str | None = None, functions: Collection[str] = ()
) -> Compiled:
    """The plan of a document, and warnings; raises ``DocumentError``, or ``OSError`` for an unreadable file.

    A text is the document itself, YAML or JSON; a ``Path`` is a file that holds it. It may call the Python
    ``functions`` of these names.
    """
    return compile_document(_loaded(document, source), registered_functions(functions))


def _loaded(document: str | bytes | Path | JsonObject, source: str | None) -> Document:
    match document:
        case Path():
            return load(document.read_bytes(), source or str(document))
        case str() | bytes():
            return load(document, source)
        case _:
            return Document.from_value(document, source)
