"""What the nodes of all kinds of task are made of."""

from __future__ import annotations

from typing import TypedDict

from pgworker.expressions.templates import Expression
from pgworker.plan.nodes import DataFlow, Extension, Next, Time
from pgworker.types import JsonObject, Pointer


class Base(TypedDict):
    """The arguments that every node takes."""

    name: str
    reference: Pointer
    kind: str
    definition: JsonObject
    then: Next
    condition: Expression | None
    flow: DataFlow
    timeout: Time | None
    extensions: tuple[Extension, ...]
