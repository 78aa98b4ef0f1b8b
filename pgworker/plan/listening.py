"""What is listened for: filters of CloudEvents, how they are correlated, and when it is enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from pgworker.expressions.templates import Expression, Literal, Template
from pgworker.plan.schema import Schema
from pgworker.types import JsonObject, JsonValue

MAX_ATTRIBUTE_BYTES = 1024
"""Source, id and type of a CloudEvent are found by indexes, which hold no longer ones."""


class Pattern:
    """A regular expression that has to match the whole of an attribute, or is the attribute as it stands."""

    __slots__ = ("_schema", "_text")

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` for what is no regular expression."""
        self._text = text
        # the engine behind schemas takes linear time, whatever the pattern
        self._schema = Schema({"type": "string", "pattern": f"^(?:{text})$"})

    def matches(self, value: JsonValue) -> bool:
        """Whether it is a text that the expression matches from its beginning to its end."""
        # `application/cloudevents+json` and many a URI read as patterns that do not match themselves
        return value == self._text or self._schema.violations(value) is None


Test: TypeAlias = Pattern | Template
"""What an attribute is held against: a value, a pattern, or a template that says so (or gives the value)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A value by which CloudEvents belong together: read by ``source``, equal to what is expected.

    Where nothing is expected, the first CloudEvent's value becomes the expectation.
    """

    name: str
    source: Expression
    expect: Template | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Lets a CloudEvent pass whose attributes pass their tests and whose keys have the expected values."""

    attributes: tuple[tuple[str, Test], ...] = ()
    keys: tuple[Key, ...] = ()

    @property
    def type(self) -> str | None:
        """The type that the CloudEvents have; None if that is not written down."""
        return next((value for name, value in self.literals if name == "type"), None)

    @property
    def literals(self) -> tuple[tuple[str, str], ...]:
        """The attributes that have to be certain texts."""
        return tuple(
            (name, test.value)
            for name, test in self.attributes
            if isinstance(test, Literal) and isinstance(test.value, str)
        )


class Mode(StrEnum):
    """How many of its filters a strategy wants to see passed: the one, any of them, or all."""

    ONE = "one"
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Strategy:
    """Which CloudEvents are consumed, and when it is enough.

    ``until`` goes with ``any``: an expression on the array of what was consumed, or another strategy.
    """

    mode: Mode
    filters: tuple[EventFilter, ...]
    until: Expression | Strategy | None = None

    @property
    def all_filters(self) -> tuple[EventFilter, ...]:
        """The filters, and after them those of ``until``: the order by which history numbers them."""
        return (*self.filters, *(self.until.filters if isinstance(self.until, Strategy) else ()))


class Read(StrEnum):
    """What of a CloudEvent is handed on: its data, the whole of it, or its data as they came."""

    DATA = "data"
    ENVELOPE = "envelope"
    RAW = "raw"


def read_event(cloud_event: JsonObject, read: Read) -> JsonValue:
    """A CloudEvent as it is handed on."""
    return cloud_event if read is Read.ENVELOPE else cloud_event.get("data")
