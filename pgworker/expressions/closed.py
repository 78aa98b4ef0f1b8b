"""Closed templates: with all that they read, so that they come to the same wherever they are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgworker.expressions.templates import Template
from pgworker.types import JsonValue


@dataclass(frozen=True, slots=True)
class Closed:
    """A template, what ``.`` means in it, and its variables."""

    template: Template
    value: JsonValue
    bound: Mapping[str, JsonValue]

    def evaluate(self) -> JsonValue:
        """What it comes to; raises ``ExpressionError``."""
        bound = self.bound
        return self.template.evaluate(self.value, lambda names: {name: bound.get(name) for name in names})
