"""Evaluation: how activities have the expressions evaluated that are left to them."""

from __future__ import annotations

from typing import Protocol

from pgworker.expressions.closed import Closed
from pgworker.types import JsonValue


class Evaluate(Protocol):
    """Evaluates a template, within limits of its own; raises ``ExpressionError``."""

    async def __call__(self, closed: Closed) -> JsonValue: ...


async def at_once(closed: Closed) -> JsonValue:
    """Evaluates it here, and without a limit."""
    return closed.evaluate()
