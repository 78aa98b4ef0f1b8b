"""A bug that somebody could make, and the tests that find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """Each text of ``edits`` stands once in ``file`` and is replaced; then each of ``tests`` fails."""

    name: str
    file: str
    edits: Mapping[str, str]
    tests: Sequence[str]

    def put_into(self, content: str) -> str:
        """The file's content with the bug."""
        for text, replacement in self.edits.items():
            assert content.count(text) == 1, (
                f"the bug {self.name!r} has to be renewed: this text stands {content.count(text)} times"
                f" in {self.file} and not once:\n{text}"
            )
            content = content.replace(text, replacement)
        return content
