"""What is said to the author when a text is refused, in the words of all readers."""

from __future__ import annotations

from pgworker.dsl.diagnostics import quoted
from pgworker.dsl.parts import Alias, Part
from pgworker.errors import Problem
from pgworker.types import Pointer

_ROOT = "a mapping with keys such as document and do"


class Unreadable(Exception):
    """A refusal on its way to ``load``, which makes a problem of it. It never leaves this package."""

    def __init__(
        self,
        message: str,
        *,
        expected: str | None = None,
        hint: str | None = None,
        position: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.hint = hint
        self.position = position


def problem_of(refusal: Unreadable, pointer: Pointer, position: tuple[int, int] | None) -> Problem:
    """The problem that the author is told; the refusal's own position counts more than the given one."""
    line, column = refusal.position or position or (None, None)
    return Problem(pointer, refusal.message, refusal.expected, refusal.hint, line, column)


def empty_document() -> Unreadable:
    """Nothing is written in the text, or only comments."""
    return Unreadable("the document is empty", expected=_ROOT, position=(1, 1))


def not_a_mapping(part: Part) -> Unreadable:
    """The document is a list or a single value."""
    hint = "begin with a key, a colon and a space"
    return Unreadable("the document is not a mapping", expected=_ROOT, hint=hint, position=_position(part))


def over_limit(message: str, part: Part) -> Unreadable:
    """The document is deeper or larger than any definition needs to be."""
    return Unreadable(message, hint="move parts into definitions of their own", position=_position(part))


def unknown_anchor(alias: Alias) -> Unreadable:
    """An alias to nothing, such as text that begins with an asterisk."""
    return Unreadable(
        f"the alias *{alias.anchor} has no anchor",
        expected=f"&{alias.anchor} before this place",
        hint="quote the text if the asterisk belongs to it",
        position=_position(alias),
    )


def unsupported_tag(tag: str) -> Unreadable:
    """A tag that is none of the core schema's, or not one for this kind of value."""
    return Unreadable(
        f"the tag {quoted(tag.replace('tag:yaml.org,2002:', '!!'))} is not supported here",
        expected="no tag, or a fitting one of !!str, !!int, !!float, !!bool, !!null, !!seq, !!map",
        hint="remove the tag; quote the value if it is meant as text",
    )


def merge_key() -> Unreadable:
    """``<<``, which YAML 1.1 knew."""
    return Unreadable(
        "merge keys are not part of YAML 1.2",
        hint="write the members out, or use an alias for the whole value",
    )


def unquoted_key(text: str) -> Unreadable:
    """A key that YAML reads as a number, a boolean or null."""
    hint = f'quote it: "{text}"' if len(text) <= 20 else "quote it"
    return Unreadable(f"the key {quoted(text)} is not text", expected="a string", hint=hint)


def composite_key(part: Part) -> Unreadable:
    """A key in braces or brackets, often an unquoted ``{name}``."""
    return Unreadable(
        "a mapping or sequence cannot be a key",
        expected="a string",
        hint='quote the text if braces or brackets belong to it, as in "{name}"',
        position=_position(part),
    )


def _position(part: Part) -> tuple[int, int]:
    return part.line, part.column
