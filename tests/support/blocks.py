"""The fenced blocks of a document: what it asks its readers to type.

A comment above a block tells the tests what the page need not say: ``<!-- not run: REASON -->``, or
``<!-- serves: TEXT -->`` above commands that run until they are stopped and write TEXT once they are up. A
comment that begins with a language, ``<!-- sql`` and a line's end, is a block that is run and not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

RUN = frozenset({"sh", "sql", "python", "yaml"})
"""Languages whose blocks are run."""

SHOWN = frozenset({"text", "json", "mermaid"})
"""Languages of blocks that only show something."""

_REMARK = re.compile(r"<!-- (?P<kind>not run|serves): (?P<text>.+?) -->\s*", re.DOTALL)
_HIDDEN = re.compile(r"<!-- (?P<language>[a-z]+)\n(?P<text>.*)-->\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block: where it stands, its language and its text; and what a comment above it says."""

    document: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    serves: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, as an editor understands it."""
        return f"{self.document}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """The blocks of a Markdown file, in order, those that are not shown among them."""
    return list(_blocks(document, MarkdownIt("commonmark").parse(document.read_text())))


def _blocks(document: Path, tokens: list[Token]) -> Iterator[Block]:
    remarks: dict[str, str] = {}
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        if token.type == "html_block":
            if hidden := _HIDDEN.fullmatch(token.content):
                yield Block(document, line, hidden["language"], hidden["text"])
            elif remark := _REMARK.fullmatch(token.content):
                remarks[remark["kind"]] = " ".join(remark["text"].split())
            continue
        if token.type == "fence":
            yield Block(
                document, line, token.info, token.content, remarks.get("not run"), remarks.get("serves")
            )
        remarks.clear()
