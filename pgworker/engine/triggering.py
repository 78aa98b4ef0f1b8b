"""Triggering: which CloudEvents start a workflow that is scheduled upon them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgworker.engine.commands import Subscribe
from pgworker.engine.correlating import correlation_of
from pgworker.engine.inputs import CloudEventArrived
from pgworker.engine.scope import RUNTIME
from pgworker.engine.state import Listening
from pgworker.engine.tasks.strategies import expectations, find, is_enough
from pgworker.errors import ExpressionError, ValueRefused
from pgworker.expressions.templates import Expression, is_true
from pgworker.plan.listening import Read, Strategy, read_event
from pgworker.types import JsonObject, JsonValue


@dataclass(slots=True)
class Triggered:
    """What became of some CloudEvents: the inputs of workflows to start, and what is still waited for."""

    inputs: list[list[JsonValue]] = field(default_factory=list)
    listens: JsonObject = field(default_factory=dict)
    consumed: list[str] = field(default_factory=list)
    seen: int | None = None


def trigger(
    strategy: Strategy, read: Read, listens: JsonObject, mail: Sequence[CloudEventArrived]
) -> Triggered:
    """Goes through CloudEvents in their order; ``listens`` is what earlier ones have left.

    What one workflow has no use for, the next may have. Where it was passed over first is kept in ``listens``
    as ``left``, and once a workflow starts ``seen`` goes back to there.

    An expression that fails lets its CloudEvent not pass: there is no workflow yet that could fail.
    """
    triggered = Triggered(listens=listens)
    listening = _restored(strategy, listens, read)
    left = listens.get("left")
    for letter in mail:
        triggered.seen = letter.position
        if not _takes(strategy, listening, letter.cloud_event, read):
            if left is None and _takes(strategy, _restored(strategy, {}, read), letter.cloud_event, read):
                left = letter.position
            continue
        triggered.consumed.append(letter.event_id)
        if _is_over(strategy, listening):
            triggered.inputs.append(listening.items)
            listening = _restored(strategy, {}, read)
            if isinstance(left, int):
                triggered.seen, left = left - 1, None
                break
    triggered.listens = {
        "items": list(listening.items),
        "passed": list(listening.passed),
        "learned": listening.learned,
        **({} if left is None else {"left": left}),
    }
    return triggered


def subscriptions(strategy: Strategy) -> list[Subscribe]:
    """How a schedule finds its CloudEvents."""
    wanted: list[Subscribe] = []
    expected = expectations(strategy, None, _bind)
    for place, filter_ in enumerate(strategy.all_filters):
        correlation, value = correlation_of(filter_, expected[place], _bind)
        wanted.append(Subscribe(1, place, correlation.id, correlation.type, list(correlation.keys), value))
    return wanted


def _restored(strategy: Strategy, listens: JsonObject, read: Read) -> Listening:
    listening = Listening(read.value, list(expectations(strategy, None, _bind)))
    items, passed, learned = (listens.get(key) for key in ("items", "passed", "learned"))
    if isinstance(items, list) and isinstance(passed, list) and isinstance(learned, dict):
        listening.items = list(items)
        listening.passed = [place for place in passed if isinstance(place, int)]
        listening.learned = dict(learned)
    return listening


def _takes(strategy: Strategy, listening: Listening, cloud_event: JsonObject, read: Read) -> bool:
    try:
        found = find(strategy, listening, cloud_event, _bind)
    except (ExpressionError, ValueRefused):
        return False
    if found is None:
        return False
    place, keys = found
    listening.passed.append(place)
    listening.learned = keys | listening.learned
    if place < len(strategy.filters):
        listening.items.append(read_event(cloud_event, read))
    return True


def _is_over(strategy: Strategy, listening: Listening) -> bool:
    if not isinstance(strategy.until, Expression):
        return is_enough(strategy, listening)
    try:
        return is_true(strategy.until.evaluate(listening.items, _bind))
    except (ExpressionError, ValueRefused):
        return False


def _bind(names: frozenset[str]) -> Mapping[str, JsonValue]:
    """Nothing is known yet of the workflow that will be started."""
    return {name: RUNTIME if name == "runtime" else None for name in names}
