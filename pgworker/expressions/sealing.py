"""Sealing: what reads secrets is not evaluated when it is decided, but when the work is done.

History keeps the expression and everything that it reads but the secrets; the worker that performs the
activity puts them in, in memory alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgworker.errors import ExpressionError
from pgworker.expressions.closed import Closed
from pgworker.expressions.jq import Bind, Program, compile_program
from pgworker.expressions.templates import (
    Expression,
    Interpolation,
    Items,
    Literal,
    Members,
    Template,
    UriTemplate,
)
from pgworker.types import JsonObject, JsonValue

SECRETS = "secrets"
_NAMED = re.compile(r'\$secrets\s*(?:\.\s*([A-Za-z_]\w*)|\.?\[\s*"([^"]+)"\s*\]|(?=\W|$))')
_KINDS: dict[str, type[Interpolation] | type[UriTemplate]] = {"text": Interpolation, "uri": UriTemplate}


@dataclass(frozen=True, slots=True)
class Seal:
    """A part of a template, by the keys and places that lead to it, that reads secrets."""

    path: tuple[str | int, ...]
    kind: str
    parts: tuple[str | Program, ...]

    def closed(self, value: JsonValue, bind: Bind) -> JsonObject:
        """The part with everything that it reads but the secrets, as history keeps it."""
        names = frozenset(name for part in self._programs() for name in part.variables) - {SECRETS}
        return {
            "at": list(self.path),
            "kind": self.kind,
            "parts": [part if isinstance(part, str) else {"program": part.text} for part in self.parts],
            "value": value,
            "bind": dict(bind(names)),
        }

    def _programs(self) -> Iterator[Program]:
        return (part for part in self.parts if isinstance(part, Program))


def sealed(template: Template) -> tuple[Template, tuple[Seal, ...]]:
    """The template without the parts that read secrets (null is in their place), and those parts."""
    seals = tuple(_seals(template, ()))
    return (_without(template) if seals else template), seals


def _seals(template: Template, path: tuple[str | int, ...]) -> Iterator[Seal]:
    match template:
        case Members(members=members):
            for key, member in members:
                yield from _seals(member, (*path, key))
        case Items(items=items):
            for place, item in enumerate(items):
                yield from _seals(item, (*path, place))
        case _:
            if _reads_secrets(template):
                yield Seal(path, *_leaf(template))


def _leaf(template: Template) -> tuple[str, tuple[str | Program, ...]]:
    match template:
        case Expression(program=program):
            return "expression", (program,)
        case Interpolation(parts=parts):
            return "text", parts
        case UriTemplate(parts=parts):
            return "uri", parts
        case _:
            raise TypeError(f"{template!r} reads no secrets")


def _reads_secrets(template: Template) -> bool:
    match template:
        case Expression(program=program):
            return SECRETS in program.variables
        case Interpolation(parts=parts) | UriTemplate(parts=parts):
            return any(isinstance(part, Program) and SECRETS in part.variables for part in parts)
        case _:
            return False


def _without(template: Template) -> Template:
    match template:
        case Members(members=members):
            return Members(tuple((key, _without(member)) for key, member in members))
        case Items(items=items):
            return Items(tuple(_without(item) for item in items))
        case _:
            return Literal(None) if _reads_secrets(template) else template


def secret_names(closed: JsonObject) -> set[str] | None:
    """The secrets that a closed seal reads; None if that cannot be told from its text."""
    names: set[str] = set()
    for program in _texts(closed):
        for found in _NAMED.finditer(program):
            name = found[1] or found[2]
            if name is None:
                return None
            names.add(name)
    return names


def opened(closed: JsonObject, secrets: Mapping[str, JsonValue]) -> Closed:
    """The part with its secrets, ready to be evaluated; raises ``ExpressionError``."""
    bound = closed["bind"]
    known = {**(bound if isinstance(bound, dict) else {}), SECRETS: dict(secrets)}
    return Closed(_template(closed), closed["value"], known)


def put_in(arguments: JsonValue, closed: JsonObject, value: JsonValue) -> JsonValue:
    """The arguments with what the part has come to in its place; raises ``ExpressionError``."""
    path = closed["at"]
    return _put(arguments, path if isinstance(path, list) else [], value)


def _template(closed: JsonObject) -> Template:
    parts = closed["parts"]
    opened = tuple(_part(part) for part in (parts if isinstance(parts, list) else []))
    kind = _KINDS.get(str(closed["kind"]))
    if kind is not None:
        return kind(opened)
    (program,) = opened
    if isinstance(program, str):
        raise ExpressionError("a sealed expression is none")
    return Expression(program)


def _part(part: JsonValue) -> str | Program:
    return compile_program(str(part["program"])) if isinstance(part, dict) else str(part)


def _texts(closed: JsonObject) -> Iterator[str]:
    parts = closed["parts"]
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict):
            yield str(part["program"])


def _put(target: JsonValue, path: list[JsonValue], value: JsonValue) -> JsonValue:
    """A copy of the target in which the value stands at the end of the path."""
    if not path:
        return value
    key, *rest = path
    if isinstance(target, dict) and isinstance(key, str):
        return {**target, key: _put(target.get(key), rest, value)}
    if isinstance(target, list) and isinstance(key, int):
        return [_put(item, rest, value) if place == key else item for place, item in enumerate(target)]
    raise ExpressionError(f"a sealed value has no place at {key!r}")
