"""Event data as JSON text, and back."""

from __future__ import annotations

import orjson

from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject
from pgworker.values import MAX_BYTES


def encode(data: JsonObject) -> str:
    """The JSON text of an event's canonical data; raises ``Fault`` (runtime) if it is too large or deep."""
    try:
        encoded = orjson.dumps(data)
    except orjson.JSONEncodeError as error:
        raise Fault(FaultKind.RUNTIME, f"the task's data cannot be kept: {error}") from error
    if len(encoded) > MAX_BYTES:
        raise Fault(
            FaultKind.RUNTIME,
            f"the task's data takes {len(encoded)} bytes, and an event may hold {MAX_BYTES}",
        )
    return encoded.decode()
