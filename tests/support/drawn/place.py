"""The place that a part of a document is drawn for: what it may hold, lead to, read and call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from pgworker.types import JsonObject, JsonValue
from tests.support.drawn.dice import Dice
from tests.support.drawn.values import CONDITIONS, EXPRESSIONS, FAILING, SCHEMAS


@dataclass(frozen=True)
class Place:
    """``depth`` levels of tasks may be inside; ``names`` can be led to, ``functions`` called.

    ``variables`` are bound here beside those that are bound everywhere. What is ``guarded`` by a try fails
    more often: what fails elsewhere ends the workflow, and nothing more is to be seen.
    """

    dice: Dice
    depth: int = 0
    names: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    guarded: bool = False

    def inside(self, *variables: str) -> Place:
        """A place one level down."""
        return replace(self, depth=max(self.depth - 1, 0), names=(), variables=(*self.variables, *variables))

    def within_a_try(self) -> Place:
        """A place one level down where errors are caught."""
        return replace(self.inside(), guarded=True)

    def leading_to(self, *names: str) -> Place:
        """The same among other siblings."""
        return replace(self, names=names)

    def fails(self) -> bool:
        """Whether it shall be something that may fail."""
        return self.dice.once_in(8 if self.guarded else 60)

    def expression(self) -> str:
        """What gives a value here."""
        if self.variables and self.dice.once_in(3):
            name = self.dice.one_of(self.variables)
            return self.dice.one_of([f"${name}", f"[${name}, .]", f"{{a: ${name}}}"])
        return self.dice.one_of(FAILING if self.fails() else EXPRESSIONS)

    def embedded(self) -> str:
        """The same in a field that takes any value."""
        return f"${{ {self.expression()} }}"

    def condition(self) -> str:
        """What is true or false here."""
        if self.variables and self.dice.once_in(3):
            return f"${self.dice.one_of(self.variables)} != 2"
        return ".a.b.c" if self.fails() else self.dice.one_of(CONDITIONS)

    def target(self) -> str:
        """What ``then`` may say here."""
        return self.dice.one_of(["continue", "continue", "exit", "end", *self.names])

    def transformation(self, key: str) -> JsonObject:
        """A stage of a data flow, perhaps with a schema."""
        stage: JsonObject = {key: self.expression()}
        if self.dice.once_in(4 if self.guarded else 12):
            stage["schema"] = {"document": self.dice.one_of(SCHEMAS)}
        return stage


Lists: TypeAlias = Callable[[Place], list[JsonValue]]
"""Draws a list of tasks for a place."""
