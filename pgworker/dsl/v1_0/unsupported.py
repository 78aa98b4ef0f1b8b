"""What the language has and this version of the engine does not: refused by name, never passed over."""

from __future__ import annotations

from pgworker import __version__
from pgworker.dsl.reading import Piece
from pgworker.errors import Rule


def report_unsupported(piece: Piece, what: str) -> None:
    """Reports that ``what`` is valid but cannot be run yet."""
    piece.report(
        f"{what} cannot be run by pgworker {__version__}",
        hint="the document is not wrong; a later version may run it",
        rule=Rule.RUNNABLE,
    )
