"""Documents in whichever form a caller has them, compiled before anybody else sees them."""

from __future__ import annotations

from pathlib import Path

from pgworker.dsl.compile import Compiled, compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.types import JsonObject


def compiled(document: str | bytes | Path | JsonObject, source: str | None = None) -> Compiled:
    """The plan of a document, and warnings; raises ``DocumentError``, or ``OSError`` for an unreadable file.

    A text is the document itself, YAML or JSON; a ``Path`` is a file that holds it.
    """
    match document:
        case Path():
            return compile_document(load(document.read_bytes(), source or str(document)))
        case str() | bytes():
            return compile_document(load(document, source))
        case _:
            return compile_document(Document.from_value(document, source))
