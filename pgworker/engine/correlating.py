"""Correlating: by which values CloudEvents are found, and whether one passes a filter.

A filter's *correlation* is the part of it that does not depend on who listens: the type, and the expressions
that read its keys from a CloudEvent. Its *value* is what the keys have to be. Keys are those under
``correlate``, attributes that are written down, and what an expression such as ``.order ==
$workflow.input.id`` compares. Each CloudEvent is given its value by each correlation once, however many
listen; those whose value it is are found by an index, and only they run the whole filter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import orjson

from pgworker.errors import ExpressionError, ValueRefused
from pgworker.expressions.jq import Bind, compile_program
from pgworker.expressions.templates import Expression, Literal, is_true
from pgworker.plan.listening import EventFilter, Pattern, Test
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

_ENVELOPE_KEYS = ("source", "subject", "id")
"""Attributes that, where a filter writes them down, are good to find CloudEvents by."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """How values are read from CloudEvents of a type (None: of every type): one program for each key."""

    type: str | None
    keys: tuple[str, ...]

    @property
    def id(self) -> str:
        """The same for the same type and keys."""
        return _digest([self.type, *self.keys])

    def value_of(self, cloud_event: JsonObject) -> str | None:
        """The value that a CloudEvent has; None where a key is missing or cannot be read."""
        view = correlation_view(cloud_event)
        values: list[JsonValue] = []
        for key in self.keys:
            try:
                value = compile_program(key).first(view, _no_variables)
            except ExpressionError:
                return None
            if value is None:
                return None
            values.append(value)
        try:
            return value_digest(values)
        except ValueRefused:
            return None


def correlation_of(
    filter_: EventFilter, expected: Mapping[str, JsonValue], bind: Bind
) -> tuple[Correlation, str]:
    """By what a filter finds its CloudEvents, and the value that they have; ``expected`` by name of key."""
    keys: list[str] = []
    values: list[JsonValue] = []
    for name, text in filter_.literals:
        if name in _ENVELOPE_KEYS:
            keys.append(f".{name}")
            values.append(text)
    for key in filter_.keys:
        # an expression that reads variables means something else for each workflow
        if key.name in expected and not key.source.program.variables:
            keys.append(key.source.program.text)
            values.append(expected[key.name])
    for name, test in filter_.attributes:
        compared = _compared(name, test, bind) if isinstance(test, Expression) else None
        if compared is not None:
            keys.append(compared[0])
            values.append(compared[1])
    return Correlation(filter_.type, tuple(keys)), value_digest(values)


_PATH = r"\.(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?"
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_FIXED = r"\$(?:workflow|input)(?:\.[A-Za-z_]\w*)+"
"""What stays what it is for as long as a task listens."""
_COMPARISON = re.compile(
    rf"(?:(?P<path>{_PATH})\s*==\s*(?P<fixed>{_FIXED})|(?P<fixed_>{_FIXED})\s*==\s*(?P<path_>{_PATH}))"
)


def _compared(attribute: str, test: Expression, bind: Bind) -> tuple[str, JsonValue] | None:
    """The key that an expression compares with something fixed, and that; None for other expressions."""
    found = _COMPARISON.fullmatch(test.program.text.strip())
    if found is None:
        return None
    path = found["path"] or found["path_"]
    try:
        value = compile_program(found["fixed"] or found["fixed_"]).first(None, bind)
    except ExpressionError:
        return None
    read = f".{attribute}" if _NAME.fullmatch(attribute) else f".[{json.dumps(attribute)}]"
    return None if value is None else (f"{read}{'' if path == '.' else path}", canonical(value))


def passes(
    filter_: EventFilter,
    cloud_event: JsonObject,
    expected: Mapping[str, JsonValue],
    learned: Mapping[str, JsonValue],
    bind: Bind,
) -> JsonObject | None:
    """The keys of a CloudEvent that passes the filter; None for one that does not.

    Raises ``ExpressionError`` where an expression of the filter fails.
    """
    for name, test in filter_.attributes:
        if not _passes_test(name, test, cloud_event, bind):
            return None
    view = correlation_view(cloud_event) if filter_.keys else cloud_event
    found: JsonObject = {}
    for key in filter_.keys:
        value = canonical(key.source.evaluate(view, bind), view)
        if value is None or not _is_expected(key.name, value, expected, learned):
            return None
        found[key.name] = value
    return found


def _is_expected(
    name: str, value: JsonValue, expected: Mapping[str, JsonValue], learned: Mapping[str, JsonValue]
) -> bool:
    """Whether a key has its value; where nothing is expected yet, whatever it is will be expected."""
    known = expected if name in expected else learned
    return name not in known or comparable(value) == comparable(known[name])


def _passes_test(name: str, test: Test, cloud_event: JsonObject, bind: Bind) -> bool:
    value = cloud_event.get(name)
    if isinstance(test, Pattern):
        return test.matches(value)
    wanted = test.evaluate(value, bind)
    if isinstance(test, Expression) and (wanted is None or isinstance(wanted, bool)):
        return is_true(wanted)
    if not isinstance(test, Literal) and name not in cloud_event:
        return False
    if name == "time":
        return _same_moment(wanted, value)
    # as texts, since True equals 1 here and nowhere else
    return orjson.dumps(canonical(wanted)) == orjson.dumps(canonical(value))


def _same_moment(wanted: JsonValue, time: JsonValue) -> bool:
    """Whether two times are the same, however they are written."""
    try:
        return datetime.fromisoformat(str(wanted)) == datetime.fromisoformat(str(time))
    except (ValueError, TypeError):
        return wanted == time


def correlation_view(cloud_event: JsonObject) -> JsonObject:
    """A CloudEvent as ``correlate.from`` reads it: its attributes, and its data's members beside them."""
    data = cloud_event.get("data")
    return {**data, **cloud_event} if isinstance(data, dict) else cloud_event


def comparable(value: JsonValue) -> str:
    """Equal for values that belong together: a number is what it reads as, with or without quotes."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def value_digest(values: Sequence[JsonValue]) -> str:
    """What the values of keys are found by; raises ``ValueRefused`` for what no history can hold."""
    return _digest([comparable(canonical(value)) for value in values])


def _digest(texts: Sequence[str | None]) -> str:
    return sha256(orjson.dumps(texts)).hexdigest()[:32]


def _no_variables(_names: frozenset[str]) -> Mapping[str, JsonValue]:
    return {}
