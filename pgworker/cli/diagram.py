"""``pgworker diagram``: what a document does, to look at."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pgworker.cli.documents import read_document
from pgworker.cli.functions import FunctionsOption, named_functions


def diagram(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The document; - reads it from stdin.")],
    functions: FunctionsOption = None,
) -> None:
    """Draw a document as a Mermaid flowchart; needs no database.

    GitHub and many editors show it where it stands in Markdown, inside ```mermaid and ```.
    """
    from pgworker.plan.mermaid import flowchart

    sys.stdout.write(flowchart(read_document(file, named_functions(functions)).plan))
