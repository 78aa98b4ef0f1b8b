"""How many messages are consumed: filtered, counted, and no longer than is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pgworker.activities.evaluation import Evaluate
from pgworker.errors import ExpressionError, Fault, FaultKind
from pgworker.expressions.closed import Closed
from pgworker.expressions.consumed import with_messages
from pgworker.expressions.durations import duration_from_object, parse_duration
from pgworker.expressions.jq import compile_program
from pgworker.expressions.templates import Expression, Template, is_true
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Question:
    """An expression of the subscription, with the variables that were bound when the call was decided."""

    template: Template
    bound: JsonObject
    evaluate: Evaluate

    async def holds(self, value: JsonValue, consumed: list[JsonValue]) -> bool:
        """Whether it is true of a value; ``$context`` also has what was consumed so far."""
        bound = dict(self.bound)
        if "context" in bound:
            bound["context"] = with_messages(bound["context"], consumed)
        try:
            return is_true(await self.evaluate(Closed(self.template, value, bound)))
        except ExpressionError as error:
            raise Fault(FaultKind.EXPRESSION, str(error)) from error


def question(value: JsonValue, evaluate: Evaluate) -> Question | None:
    """The expression as it travels in the arguments; None if there is none."""
    match value:
        case {"program": str(text), "bind": dict(bound)}:
            return Question(Expression(compile_program(text)), bound, evaluate)
        case _:
            return None


@dataclass(slots=True)
class Consumption:
    """Decides on each message whether it counts, and after it whether it was enough.

    ``limit_bytes`` is how large the messages may be that are held at once; ``session`` names the subscription
    where it may stay open for the next activity.
    """

    filter: Question | None
    amount: int | None
    while_: Question | None
    until: Question | None
    seconds: float | None
    limit_bytes: int
    session: str | None = None
    _size: int = 0

    async def wants_more(self, consumed: list[JsonValue]) -> bool:
        """Whether to consume another message; ``.`` in the expressions is the array of those so far."""
        if self.amount is not None and len(consumed) >= self.amount:
            return False
        if self.while_ is not None and not await self.while_.holds(consumed, consumed):
            return False
        return self.until is None or not consumed or not await self.until.holds(consumed, consumed)

    async def accepts(self, message: JsonValue, consumed: list[JsonValue]) -> bool:
        """Whether a message passes the filter."""
        return self.filter is None or await self.filter.holds(message, consumed)

    def weigh(self, size: int) -> None:
        """Counts the bytes of a message that is kept; raises ``Fault`` when they are too many."""
        self._size += size
        if self._size > self.limit_bytes:
            raise Fault(
                FaultKind.COMMUNICATION,
                f"the consumed messages are larger than the limit of {self.limit_bytes} bytes",
            )


def consumption(subscription: JsonValue, limit_bytes: int, evaluate: Evaluate) -> Consumption:
    """What a call's ``subscription`` asks for, with who evaluates its expressions.

    Raises ``Fault`` (configuration).
    """
    if not isinstance(subscription, dict):
        raise _wrong("the subscription must be an object")
    consume = subscription.get("consume")
    if not isinstance(consume, dict):
        raise _wrong("the subscription must say what to consume")
    amount = consume.get("amount")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount < 0):
        raise _wrong("the amount of messages to consume must be a whole number")
    session = subscription.get("session")
    return Consumption(
        filter=question(subscription.get("filter"), evaluate),
        amount=amount,
        while_=question(consume.get("while"), evaluate),
        until=question(consume.get("until"), evaluate),
        seconds=_seconds(consume.get("for")),
        limit_bytes=limit_bytes,
        session=session if isinstance(session, str) else None,
    )


def _seconds(value: JsonValue) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            duration = parse_duration(value)
        elif isinstance(value, dict):
            duration = duration_from_object(value)
        else:
            raise _wrong("the time to consume for must be a duration")
        now = datetime.now(UTC)
        return (duration.after(now) - now).total_seconds()
    except (ValueError, OverflowError) as error:
        raise _wrong(f"the time to consume for is no duration: {error}") from error


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
