"""URI templates, as far as DSL 1.0 takes them from RFC 6570: simple string expansion of ``{name}``."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from pgworker.types import JsonValue

_PIECE = re.compile(r"\{([^{}]*)\}|([{}])")
_CHARACTER = r"(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})"
_NAME = re.compile(rf"{_CHARACTER}(?:\.?{_CHARACTER})*")
_OPERATORS = "+#./;?&=,!@|"


def expand(template: str, values: JsonValue, *, scalars_only: bool = False) -> str:
    """The template with each ``{name}`` replaced by the top-level property of that name in ``values``.

    A name is taken verbatim: ``{pet.id}`` is the property "pet.id". What is missing or null becomes nothing,
    and so does everything if ``values`` is no object. Text is percent-encoded except for RFC 3986's
    unreserved characters; a list is joined by commas, an object becomes ``key,value`` pairs. The template's
    other text stays as it is (an international host name must not be percent-encoded).

    Raises ``ValueError`` as ``check`` does; and, with ``scalars_only``, for a list or an object, which the
    DSL's reference ("URI Template") wants to be an expression error.

    >>> expand("https://example.com/pets/{id}", {"id": "a/b"})
    'https://example.com/pets/a%2Fb'
    """
    check(template)
    properties = values if isinstance(values, dict) else {}

    def replacement(piece: re.Match[str]) -> str:
        value = properties.get(piece[1])
        if scalars_only and isinstance(value, list | dict):
            raise ValueError(f"{{{piece[1]}}} is a list or an object, and only single values fit into a URI")
        return _expanded(value)

    return _PIECE.sub(replacement, template)


def check(template: str) -> None:
    """Raise ``ValueError`` for braces without their counterpart, operators, modifiers and lists of names."""
    for piece in _PIECE.finditer(template):
        if piece[2]:
            raise ValueError(f"the brace {piece[2]} at character {piece.start() + 1} has no counterpart")
        if not _NAME.fullmatch(piece[1]):
            raise ValueError(_mistake(piece[0], piece[1]))


def names(template: str) -> tuple[str, ...]:
    """The names in a template, in order, each once; raises ``ValueError`` as ``check`` does.

    >>> names("/{owner}/{pet}/{owner}")
    ('owner', 'pet')
    """
    check(template)
    return tuple(dict.fromkeys(piece[1] for piece in _PIECE.finditer(template)))


def _mistake(braces: str, inside: str) -> str:
    if not inside:
        return "{} names nothing; write a name between the braces, like {id}"
    if inside[0] in _OPERATORS:
        return f"{braces[:60]} uses the operator {inside[0]}, which is not supported; write {{name}}"
    if "," in inside:
        return f"{braces[:60]} names several values; write {{one}},{{other}}"
    if inside.endswith("*") or ":" in inside:
        return f"{braces[:60]} uses a modifier, which is not supported; write {{name}}"
    return f"{braces[:60]} is not a name: letters, digits, underscores, and dots between them"


def _expanded(value: JsonValue) -> str:
    match value:
        case list():
            return ",".join(_encoded(item) for item in value if item is not None)
        case dict():
            pairs = ((key, item) for key, item in value.items() if item is not None)
            return ",".join(f"{_encoded(key)},{_encoded(item)}" for key, item in pairs)
        case _:
            return _encoded(value)


def _encoded(value: JsonValue) -> str:
    """One value; what is nested deeper than RFC 6570 knows is written as JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return quote(text, safe="")
