"""JSON text, as parts.

JSON is YAML, but a YAML parser in Python reads it a hundred times slower than needed, trips over a few of its
characters (DEL, line separators) and explains its mistakes badly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json import JSONDecodeError

from pgworker.dsl.parts import End, Part, Scalar, Start
from pgworker.dsl.refusals import Unreadable

_BEGINNING = re.compile(r'\s*\{\s*["}]')
_TOKEN = re.compile(r'\r\n?|\n|"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\],:"]+')


def looks_like_json(text: str) -> bool:
    """Whether the text is a JSON object or meant to be one, so that its mistakes are best told as JSON's.

    >>> looks_like_json(' {"do": []'), looks_like_json("{do: []")
    (True, False)
    """
    return _BEGINNING.match(text) is not None


def check_json(text: str) -> None:
    """Raise ``Unreadable`` unless the text is JSON (RFC 8259), whatever its numbers' size.

    Python's NaN and Infinity pass too; ``read_json`` refuses them where they stand.
    """
    try:
        # The numbers are not ours to read here: long ones cost quadratic time and are refused later.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except JSONDecodeError as error:
        raise Unreadable(f"this is not JSON: {error.msg}", position=(error.lineno, error.colno)) from None
    except RecursionError:
        raise Unreadable("the document is nested too deeply") from None


def read_json(text: str) -> Iterator[Part]:
    """The parts of a text that ``check_json`` has passed."""
    line, line_start = 1, 0
    for match in _TOKEN.finditer(text):
        token, column = match[0], match.start() - line_start + 1
        match token[0]:
            case "\n" | "\r":
                line, line_start = line + 1, match.end()
            case "{" | "[":
                yield Start(token == "{", line, column)
            case "}" | "]":
                yield End(line, column)
            case '"':
                yield Scalar(_string(token), False, line, column)
            case _ if token in ("NaN", "Infinity", "-Infinity"):
                raise _not_finite(token, line, column)
            case _:
                yield Scalar(token, True, line, column)


def _not_finite(token: str, line: int, column: int) -> Unreadable:
    hint = "quote it if it is meant as text"
    return Unreadable(f"{token} is not a number that JSON can hold", hint=hint, position=(line, column))


def _string(token: str) -> str:
    return str(json.loads(token)) if "\\" in token else token[1:-1]
