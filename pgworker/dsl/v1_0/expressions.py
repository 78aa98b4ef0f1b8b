"""Expressions and templates of a document, checked where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

from pgworker.dsl.reading import Piece, kind_of
from pgworker.errors import Rule
from pgworker.expressions import templates, uri_templates
from pgworker.expressions.jq import check_program
from pgworker.expressions.templates import Expression, Literal, Template, UriTemplate
from pgworker.types import JsonValue

ARGUMENTS = frozenset(
    {"context", "input", "output", "secrets", "authorization", "task", "workflow", "runtime"}
)
"""The variables that are bound everywhere ("Runtime expression arguments" in the DSL)."""

_TAKEN = frozenset({"ENV"})
"""Variables of jq itself; others of its begin with two underscores."""

LOOSE = "__loose"
"""In loose mode this name, which no document can bind, is among the variables of every place."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_expression(piece: Piece, variables: frozenset[str]) -> Expression | None:
    """An expression, bare or in ``${ }``."""
    text = piece.text()
    if text is None or not _check(piece, templates.bare(text), variables):
        return None
    return templates.expression(text)


def read_template(piece: Piece, variables: frozenset[str]) -> Template | None:
    """A value of any kind with expressions in ``${ }`` somewhere in it.

    In loose mode every other text in it is tried as an expression, and stays a text where it is none.
    """
    if LOOSE in variables:
        loosened = _loosened(piece.value, variables)
        return templates.template_of(loosened) if _check_embedded(piece, variables) else None
    return templates.template_of(piece.value) if _check_embedded(piece, variables) else None


def read_mapping(piece: Piece, variables: frozenset[str]) -> Template | None:
    """What ``from`` and ``as`` take: an expression, or an object with expressions in it."""
    if isinstance(piece.value, dict):
        return read_template(piece, variables)
    if not isinstance(piece.value, str):
        piece.report(f"found {kind_of(piece.value)}", expected="an expression or an object")
        return None
    return read_expression(piece, variables)


def read_uri(piece: Piece, variables: frozenset[str]) -> Template | None:
    """A URI with ``{name}`` templates and expressions in it."""
    text = piece.text()
    if text is None or not _check_embedded(piece, variables):
        return None
    if not text.strip():
        piece.report("the URI is empty", expected="a URI such as https://example.com/{id}")
        return None
    if LOOSE in variables and (loosened := _loosened(text, variables)) != text:
        return templates.template_of(loosened)
    parts = tuple(templates.split(text))
    try:
        for part in parts:
            if isinstance(part, str):
                uri_templates.check(part)
    except ValueError as error:
        piece.report(str(error), expected="a URI such as https://example.com/{id}", rule=Rule.URI)
        return None
    return UriTemplate(parts) if "{" in text or len(parts) > 1 else Literal(text)


def read_variable(piece: Piece) -> str | None:
    """The name of a variable that a loop or a catch binds."""
    name = piece.text()
    if name is None:
        return None
    if not _VARIABLE.fullmatch(name) or name in _TAKEN or name.startswith("__"):
        piece.report(
            f"`{name}` cannot be the name of a variable",
            expected="a letter or _, then letters, digits or _",
            hint="write it without the dollar sign" if name.startswith("$") else None,
            rule=Rule.EXPRESSION,
        )
        return None
    if name in ARGUMENTS:
        piece.report(
            f"`${name}` is bound everywhere already", hint="choose another name", rule=Rule.EXPRESSION
        )
        return None
    return name


def _loosened(value: JsonValue, variables: frozenset[str]) -> JsonValue:
    """The value with every text that may be an expression written as one that gives the text if it fails."""
    if isinstance(value, dict):
        return {key: _loosened(member, variables) for key, member in value.items()}
    if isinstance(value, list):
        return [_loosened(item, variables) for item in value]
    if not isinstance(value, str) or "${" in value or check_program(value, ARGUMENTS | variables) is not None:
        return value
    # the text may end with a comment, so what follows is on a line of its own
    return f"${{ try ({value}\n) catch {orjson.dumps(value).decode()} }}"


def _all(checks: Iterable[bool]) -> bool:
    """Whether all are true; unlike ``all`` it goes on after the first that is not, to find every problem."""
    return False not in list(checks)


def _check_embedded(piece: Piece, variables: frozenset[str]) -> bool:
    if isinstance(piece.value, str):
        if templates.is_unclosed(piece.value):
            piece.report(
                "an expression that begins with `${` is never closed",
                hint="add the `}`",
                rule=Rule.EXPRESSION,
            )
            return False
        return _all(_check(piece, program, variables) for program in templates.embedded(piece.value))
    if isinstance(piece.value, dict):
        return _all(_check_embedded(piece.member(key), variables) for key in piece.value)
    if isinstance(piece.value, list):
        return _all(_check_embedded(item, variables) for item in piece.items())
    return True


def _check(piece: Piece, program: str, variables: frozenset[str]) -> bool:
    complaint = check_program(program, ARGUMENTS | variables)
    if complaint is None:
        return True
    piece.report(
        complaint,
        expected="a jq expression",
        hint=f"bound here are {', '.join(f'${name}' for name in sorted(ARGUMENTS | variables - {LOOSE}))}"
        if "$" in complaint
        else None,
        rule=Rule.EXPRESSION,
    )
    return False
