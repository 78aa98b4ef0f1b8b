"""Reading a document piece by piece: each piece knows where it stands, and where its problems are told."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pgworker.dsl.diagnostics import suggest
from pgworker.errors import Problem, Rule
from pgworker.types import JsonObject, JsonValue, Pointer, child_pointer


@dataclass(frozen=True, slots=True)
class Piece:
    """A value of a document with its pointer; ``problems`` is shared by all pieces of one document.

    The methods that expect something report a problem and return None where they find something else, so
    that one reading finds every problem.
    """

    value: JsonValue
    pointer: Pointer
    problems: list[Problem]

    def report(
        self, message: str, *, expected: str | None = None, hint: str | None = None, rule: Rule | None = None
    ) -> None:
        """Adds a problem at this place."""
        self.problems.append(Problem(self.pointer, message, expected, hint, rule=rule))

    def member(self, key: str) -> Piece:
        """The piece of a member; its value is None if there is no such member."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Piece(value, child_pointer(self.pointer, key), self.problems)

    def has(self, key: str) -> bool:
        """Whether there is such a member, be it null."""
        return isinstance(self.value, dict) and key in self.value

    def object(self) -> JsonObject | None:
        """The value as an object."""
        if isinstance(self.value, dict):
            return self.value
        self.report(f"found {kind_of(self.value)}", expected="an object")
        return None

    def items(self) -> Iterator[Piece]:
        """The pieces of an array's items."""
        if not isinstance(self.value, list):
            self.report(f"found {kind_of(self.value)}", expected="an array")
            return
        for index, item in enumerate(self.value):
            yield Piece(item, child_pointer(self.pointer, index), self.problems)

    def entry(self, what: str) -> tuple[str, Piece] | None:
        """The one member of an object that has to have exactly one, such as an item of a task list."""
        if isinstance(self.value, dict) and len(self.value) == 1:
            key = next(iter(self.value))
            return key, self.member(key)
        found = f"an object with {len(self.value)} members" if isinstance(self.value, dict) else None
        self.report(
            f"found {found or kind_of(self.value)}",
            expected=f"an object with one member: the name of the {what}",
            hint=f"write `- name: ...` for each {what}; mind the indentation",
        )
        return None

    def text(self) -> str | None:
        """The value as a text."""
        if isinstance(self.value, str):
            return self.value
        hint = "put it in quotes" if isinstance(self.value, int | float) else None
        self.report(f"found {kind_of(self.value)}", expected="a text", hint=hint)
        return None

    def integer(self) -> int | None:
        """The value as a whole number."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        self.report(f"found {kind_of(self.value)}", expected="a whole number")
        return None

    def boolean(self) -> bool | None:
        """The value as a truth value."""
        if isinstance(self.value, bool):
            return self.value
        self.report(f"found {kind_of(self.value)}", expected="true or false")
        return None

    def choice(self, choices: Collection[str]) -> str | None:
        """The value as one of some words."""
        if isinstance(self.value, str) and self.value in choices:
            return self.value
        shown = f"`{self.value}`" if isinstance(self.value, str) else kind_of(self.value)
        self.report(
            f"found {shown}", expected="one of " + listed(choices), hint=did_you_mean(self.value, choices)
        )
        return None

    def allow(self, keys: Collection[str], what: str) -> None:
        """Reports every member that is not one of ``keys``."""
        for key in self.value if isinstance(self.value, dict) else ():
            if key not in keys:
                self.member(key).report(
                    f"{what} has no `{key}`",
                    expected="one of " + listed(keys),
                    hint=did_you_mean(key, keys),
                )

    def require(self, keys: Collection[str], what: str) -> bool:
        """Reports every one of ``keys`` that is missing; true if none is."""
        missing = [key for key in keys if not self.has(key)]
        for key in missing:
            self.report(f"{what} lacks `{key}`", hint=f"add `{key}:`")
        return not missing


def kind_of(value: JsonValue) -> str:
    """What kind of value this is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text `{value if len(value) <= 40 else value[:40] + '...'}`"
        case list():
            return "an array"
        case dict():
            return "an object"


def listed(words: Collection[str]) -> str:
    """Words as a list in a sentence."""
    return ", ".join(f"`{word}`" for word in sorted(words))


def did_you_mean(word: JsonValue, words: Collection[str]) -> str | None:
    """A hint with the word that may have been meant."""
    return suggest(word, words) if isinstance(word, str) else None
