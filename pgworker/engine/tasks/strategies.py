"""Event consumption strategies: which filter a CloudEvent passes, and when it is enough."""

from __future__ import annotations

from collections.abc import Iterator

from pgworker.engine.correlating import passes
from pgworker.engine.state import Listening
from pgworker.expressions.jq import Bind
from pgworker.plan.listening import EventFilter, Mode, Strategy
from pgworker.types import JsonObject, JsonValue


def expectations(strategy: Strategy, value: JsonValue, bind: Bind) -> list[JsonObject]:
    """What each filter expects of its keys; ``value`` is what ``.`` means in the expressions."""
    return [
        {key.name: key.expect.evaluate(value, bind) for key in filter_.keys if key.expect is not None}
        for filter_ in strategy.all_filters
    ]


def find(
    strategy: Strategy, listening: Listening, cloud_event: JsonObject, bind: Bind
) -> tuple[int, JsonObject] | None:
    """The place of the filter that a CloudEvent passes, and its keys; None if it passes none.

    What ends the listening is looked at first: such a CloudEvent is no part of the output.
    """
    for place, filter_ in _open_filters(strategy, listening):
        expected = listening.expected[place]
        assert isinstance(expected, dict)
        keys = passes(filter_, cloud_event, expected, listening.learned, bind)
        if keys is not None:
            return place, keys
    return None


def is_enough(strategy: Strategy, listening: Listening) -> bool:
    """Whether the filters have let enough pass; an expression under ``until`` is looked at elsewhere."""
    count = len(strategy.filters)
    if isinstance(strategy.until, Strategy):
        until = strategy.until
        passed = {place - count for place in listening.passed if place >= count}
        return _is_satisfied(until, passed)
    if strategy.until is not None:
        return False
    return _is_satisfied(strategy, set(listening.passed))


def _is_satisfied(strategy: Strategy, passed: set[int]) -> bool:
    if strategy.mode is Mode.ALL:
        return len(passed) == len(strategy.filters)
    return bool(passed)


def _open_filters(strategy: Strategy, listening: Listening) -> Iterator[tuple[int, EventFilter]]:
    """The filters that may let a CloudEvent pass now: of ``all`` each lets pass one."""
    passed = set(listening.passed)
    count = len(strategy.filters)
    if isinstance(strategy.until, Strategy):
        for place, filter_ in enumerate(strategy.until.filters, count):
            if strategy.until.mode is not Mode.ALL or place not in passed:
                yield place, filter_
    for place, filter_ in enumerate(strategy.filters):
        if strategy.mode is not Mode.ALL or place not in passed:
            yield place, filter_
