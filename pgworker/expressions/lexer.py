"""The words of a jq program, told apart from its texts and comments.

Needed for two questions that a jq compiler does not answer: where an expression inside ``${ ... }`` ends, and
which names a program uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|\#[^\n\r]*)
    | (?P<variable>\$(?:__loc__|[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*))
    | (?P<field>\.[A-Za-z_]\w*)
    | (?P<word>@?[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*)
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (space, variable, field, word, number, text, other), its text, where it starts.

    ``depth`` counts the interpolations around it.
    """

    kind: str
    text: str
    start: int
    depth: int = 0


def tokens(program: str, start: int = 0) -> Iterator[Token]:
    """The words of ``program`` from ``start`` on; text literals come in pieces around interpolations.

    Raises ``ValueError`` for a text that never ends.
    """
    depths: list[int] = []  # one entry for each \( that is open: the parentheses open inside it
    position = start
    while position < len(program):
        character = program[position]
        if character == '"' or (character == ")" and depths and depths[-1] == 0):
            if character == ")":
                depths.pop()
            end, interpolates = _text_end(program, position + 1)
            yield Token("text", program[position:end], position, len(depths))
            if interpolates:
                depths.append(0)
            position = end
            continue
        if depths and character in "()":
            depths[-1] += 1 if character == "(" else -1
        match = _TOKEN.match(program, position)
        assert match is not None, "the last alternative matches any character"
        yield Token(match.lastgroup or "other", match.group(), position, len(depths))
        position = match.end()
    if depths:
        raise ValueError("a text with an interpolation never ends")


def _text_end(program: str, position: int) -> tuple[int, bool]:
    """Past the closing quote, or past the ``\\(`` of an interpolation (then the second value is true)."""
    while position < len(program):
        if program[position] == "\\":
            if program.startswith("\\(", position):
                return position + 2, True
            position += 2
        elif program[position] == '"':
            return position + 1, False
        else:
            position += 1
    raise ValueError("a text never ends")


def closing_brace(text: str, start: int) -> int:
    """Where the ``}`` stands that closes the ``${`` whose inside begins at ``start``; -1 if none does."""
    depth = 0
    try:
        for token in tokens(text, start):
            if token.depth:
                continue  # braces inside a text's interpolation are that text's
            if token.text == "{":
                depth += 1
            elif token.text == "}":
                if depth == 0:
                    return token.start
                depth -= 1
    except ValueError:
        return -1
    return -1


def variables(program: str) -> frozenset[str]:
    """The names of all variables that the program mentions, without the dollar sign."""
    return frozenset(token.text[1:] for token in tokens(program) if token.kind == "variable")


def defined(program: str) -> frozenset[str]:
    """The names of the functions that the program defines for itself."""
    words = [token for token in tokens(program) if token.kind != "space"]
    return frozenset(name.text for define, name in pairwise(words) if define.text == "def")


def without_comments(program: str) -> str:
    """The program with a blank in place of each comment: engines disagree on where a comment may stand."""
    return "".join(" " if token.text.startswith("#") else token.text for token in tokens(program))
