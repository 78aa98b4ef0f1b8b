"""How the mistakes in a document are told to the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from pgworker.dsl.document import Document
from pgworker.errors import DocumentError, Problem

_LONGEST_WORD = 64
"""Difflib takes quadratic time, and nobody mistypes a keyword at greater length."""

_LONGEST_QUOTE = 60


def render(error: DocumentError) -> str:
    """Every problem of a refused document as one paragraph; control characters in it are escaped.

    >>> problem = Problem("/do", "this is not a list", hint="begin each task with a dash", line=3, column=1)
    >>> print(render(DocumentError([problem], source="hello.yaml")))
    hello.yaml:3:1: this is not a list
      at /do
      hint: begin each task with a dash
    """
    return "\n\n".join(_paragraph(problem, error.source or "<document>") for problem in error.problems)


def _paragraph(problem: Problem, source: str) -> str:
    place = ":".join(str(part) for part in (source, problem.line, problem.column) if part is not None)
    lines = [f"{place}: {problem.message}", f"  at {problem.pointer or 'the root of the document'}"]
    if problem.expected is not None:
        lines.append(f"  expected: {problem.expected}")
    if problem.hint is not None:
        lines.append(f"  hint: {problem.hint}")
    return "\n".join(_printable(line) for line in lines)


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """A question that names the candidate which was probably meant, or None if none is near.

    >>> suggest("swich", ["set", "switch"])
    'did you mean "switch"?'
    """
    if len(word) > _LONGEST_WORD:
        return None
    known = list(candidates)
    same_letters = [candidate for candidate in known if candidate.lower() == word.lower()]
    nearest = same_letters or get_close_matches(word, known, n=1)
    return f'did you mean "{nearest[0]}"?' if nearest else None


def place(problems: Iterable[Problem], document: Document) -> list[Problem]:
    """The problems with line and column filled in from the document, where they had none."""
    return [_placed(problem, document) for problem in problems]


def _placed(problem: Problem, document: Document) -> Problem:
    position = document.locate(problem.pointer) if problem.line is None else None
    if position is None:
        return problem
    return replace(problem, line=position[0], column=position[1])


def quoted(text: str) -> str:
    """A piece of a document inside a message: in quotes, shortened, control characters escaped.

    >>> quoted("a" * 70 + "z") == '"' + "a" * 60 + '…"'
    True
    """
    shown = text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"
    return f'"{_printable(shown)}"'


def _printable(text: str) -> str:
    # Terminals obey escape sequences and right-to-left marks; a document must not steer them.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
