"""The fenced blocks of documents, and why some of them are not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block: where it stands, what it is, and the reason if it cannot be run."""

    place: str
    language: str
    text: str
    reason: str | None

    @property
    def lines(self) -> list[str]:
        """The commands of a shell block, one each; what goes on in the next line is one command."""
        joined = self.text.replace("\\\n", " ")
        bare = [re.sub(r"\s+#\s.*$", "", line).strip() for line in joined.splitlines()]
        return [line for line in bare if line and not line.startswith("#")]

    @property
    def statements(self) -> list[str]:
        """The statements of an SQL block."""
        text = re.sub(r"--[^\n]*", "", self.text)
        return [statement.strip() for statement in text.split(";") if statement.strip()]


def blocks_of(document: Path) -> Iterator[Block]:
    """All fenced blocks of a document."""
    text = document.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(f"{document.name}:{line}", found["language"], found["text"], found["reason"])
