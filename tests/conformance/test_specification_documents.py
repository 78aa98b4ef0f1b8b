"""Whole documents in the specification's text are good, or are refused only for what this version lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgworker.cli.documents import read_document
from pgworker.errors import DocumentError, Problem
from tests.support.official import SPECIFICATION

TEXTS = [path for name in ("dsl-reference.md", "dsl.md") if (path := SPECIFICATION / name).is_file()]

WRONG = {
    # `"... '\($task.reference)' ..."` is not YAML: `\(` is none of the escapes of a double-quoted text
    "Extensions: sample-workflow": "unknown escape character",
}
"""Documents in which the specification itself is mistaken, and what is said of them."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A document in a text, and the heading under which it stands."""

    heading: str
    text: str

    def __str__(self) -> str:
        name = re.search(r"^  name: (\S+)$", self.text, re.MULTILINE)
        return f"{self.heading}: {name and name[1]}"


_PARTS = re.compile(r"^#+ (?P<heading>[^\n]+)$|^```yaml *\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_HEADER = re.compile(r"^document: *\n  dsl:", re.MULTILINE)


def _snippets(text: str) -> Iterator[Snippet]:
    heading = ""
    for part in _PARTS.finditer(text):
        if part["heading"] is None:
            if _HEADER.search(part["text"]):
                yield Snippet(heading, part["text"])
        elif part["heading"].strip() not in ("Examples", "Properties"):
            heading = part["heading"].strip()


SNIPPETS = [snippet for path in TEXTS for snippet in _snippets(path.read_text())]

needs_texts = pytest.mark.skipif(
    not TEXTS, reason="the specification's text is not there: ../shared/spec/dsl-reference.md"
)
pytestmark = needs_texts


def _problems(snippet: Snippet, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Problem, ...]:
    """What ``pgworker validate`` finds wrong; it warns of nothing in what it accepts."""
    file = folder / "document.yaml"
    file.write_text(snippet.text)
    try:
        read_document(file)
    except DocumentError as error:
        return error.problems
    assert capsys.readouterr().err == ""
    return ()


def test_every_document_in_the_text_is_looked_at_once() -> None:
    assert len(SNIPPETS) == sum(len(_HEADER.findall(path.read_text())) for path in TEXTS)
    names = [str(snippet) for snippet in SNIPPETS]
    assert len(set(names)) == len(names)
    assert set(WRONG) < set(names)


@pytest.mark.parametrize("snippet", [one for one in SNIPPETS if str(one) not in WRONG], ids=str)
def test_a_document_is_accepted(snippet: Snippet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _problems(snippet, tmp_path, capsys) == ()


@pytest.mark.parametrize("snippet", [one for one in SNIPPETS if str(one) in WRONG], ids=str)
def test_a_document_that_is_mistaken_is_told_so(
    snippet: Snippet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [problem.message for problem in _problems(snippet, tmp_path, capsys)]
    assert any(WRONG[str(snippet)] in message for message in messages), messages
