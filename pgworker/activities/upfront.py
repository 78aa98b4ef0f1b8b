"""Policies whose credentials go along with the first request, and those that wait for a challenge."""

from __future__ import annotations

from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

_CHALLENGED = "digest"


def check_upfront(authentication: JsonValue, call: str) -> None:
    """Raises ``Fault`` (configuration) for a policy that a call of this kind cannot follow."""
    if isinstance(authentication, dict) and _CHALLENGED in authentication:
        raise Fault(
            FaultKind.CONFIGURATION,
            f"{_CHALLENGED} authentication answers a challenge of HTTP, and `call: {call}` has none",
        )
