"""Templates: JSON values of a definition in which some texts are, or contain, expressions.

Only the definition's own text is ever evaluated, and once: what an expression returns is data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson

from pgworker.errors import ExpressionError
from pgworker.expressions import uri_templates
from pgworker.expressions.jq import Bind, Program, compile_program
from pgworker.expressions.lexer import closing_brace
from pgworker.types import JsonValue
from pgworker.values import canonical


class Template(Protocol):
    """Something that becomes a JSON value when it is given data and variables."""

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        """The value; raises ``ExpressionError``. ``value`` is what ``.`` means in its expressions."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value without expressions."""

    value: JsonValue

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        return self.value


@dataclass(frozen=True, slots=True)
class Expression:
    """A text that is wholly one expression."""

    program: Program

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        return self.program.first(value, bind)


@dataclass(frozen=True, slots=True)
class Deferred:
    """An expression that is left to who performs an activity: its text, with the variables that it reads."""

    program: Program

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        bound = bind(self.program.variables) if self.program.variables else {}
        return {"program": self.program.text, "bind": dict(bound)}


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A text with expressions in it: texts go in as they are, other values as JSON."""

    parts: tuple[str | Program, ...]

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        return "".join(
            part if isinstance(part, str) else as_text(part.first(value, bind)) for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class UriTemplate:
    """A URI: its written parts expand ``{name}`` from the data's members, its expressions go in as text."""

    parts: tuple[str | Program, ...]

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        try:
            return "".join(
                uri_templates.expand(part, value, scalars_only=True)
                if isinstance(part, str)
                else as_text(part.first(value, bind))
                for part in self.parts
            )
        except ValueError as error:
            raise ExpressionError(f"the URI cannot be made: {error}") from error


@dataclass(frozen=True, slots=True)
class Members:
    """An object with expressions somewhere below."""

    members: tuple[tuple[str, Template], ...]

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        return {key: template.evaluate(value, bind) for key, template in self.members}


@dataclass(frozen=True, slots=True)
class Items:
    """An array with expressions somewhere below."""

    items: tuple[Template, ...]

    def evaluate(self, value: JsonValue, bind: Bind) -> JsonValue:
        return [template.evaluate(value, bind) for template in self.items]


def template_of(value: JsonValue) -> Template:
    """The template that a definition's value is; raises ``ExpressionError`` where an expression is broken."""
    if isinstance(value, str):
        return text_template(value)
    if isinstance(value, dict):
        members = tuple((key, template_of(member)) for key, member in value.items())
        if all(isinstance(template, Literal) for _, template in members):
            return Literal(value)
        return Members(members)
    if isinstance(value, list):
        items = tuple(template_of(item) for item in value)
        return Literal(value) if all(isinstance(item, Literal) for item in items) else Items(items)
    return Literal(value)


def text_template(text: str) -> Template:
    """The template of a text in a field that takes any value."""
    parts = tuple(split(text))
    if len(parts) == 1 and isinstance(parts[0], Program):
        return Expression(parts[0])
    if any(isinstance(part, Program) for part in parts):
        return Interpolation(parts)
    return Literal(text)


def expression(text: str) -> Expression:
    """The template of a text in a field that is an expression, written bare or in ``${ }``."""
    return Expression(compile_program(bare(text)))


def bare(text: str) -> str:
    """An expression without the ``${ }`` around it, if there is one.

    >>> bare("${ .name }"), bare(".name")
    ('.name', '.name')
    """
    stripped = text.strip()
    if stripped.startswith("${") and closing_brace(stripped, 2) == len(stripped) - 1:
        return stripped[2:-1].strip()
    return stripped


def embedded(text: str) -> Iterator[str]:
    """The programs inside a text's ``${ }``."""
    for is_program, piece in _pieces(text):
        if is_program:
            yield piece


def is_unclosed(text: str) -> bool:
    """Whether an expression begins in the text and does not end in it."""
    position = 0
    while (start := text.find("${", position)) >= 0:
        end = closing_brace(text, start + 2)
        if end < 0:
            return True
        position = end + 1
    return False


def split(text: str) -> Iterator[str | Program]:
    """A text's written parts and compiled expressions, in order."""
    for is_program, piece in _pieces(text):
        yield compile_program(piece) if is_program else piece


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    alone = text.strip()
    if alone.startswith("${") and closing_brace(alone, 2) == len(alone) - 1:
        yield True, alone[2:-1].strip()
        return
    position = 0
    while (start := text.find("${", position)) >= 0 and (end := closing_brace(text, start + 2)) >= 0:
        if start > position:
            yield False, text[position:start]
        yield True, text[start + 2 : end].strip()
        position = end + 1
    if position < len(text):
        yield False, text[position:]


def as_text(value: JsonValue) -> str:
    """How a value reads inside a text."""
    return value if isinstance(value, str) else orjson.dumps(canonical(value)).decode()


def is_true(value: JsonValue) -> bool:
    """jq's truth: everything but ``false`` and ``null``."""
    return value is not None and value is not False
