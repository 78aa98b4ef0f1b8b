"""What the expressions of a subscription can read besides what all can: the messages so far."""

from __future__ import annotations

from pgworker.types import JsonValue

_NAMES = ("consumedMessages", "messages")
"""What the specification's examples call them in the context; a context that has the name keeps its own."""


def with_messages(context: JsonValue, messages: list[JsonValue]) -> JsonValue:
    """The context with the consumed messages in it, if it can have members.

    >>> with_messages({"user": 7}, ["hello"])
    {'consumedMessages': ['hello'], 'messages': ['hello'], 'user': 7}
    """
    if context is None or isinstance(context, dict):
        return {**dict.fromkeys(_NAMES, messages), **(context or {})}
    return context
