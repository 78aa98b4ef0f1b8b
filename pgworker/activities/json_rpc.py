"""JSON-RPC 2.0: what is asked, and what an answer says."""

from __future__ import annotations

from pgworker.activities.media import printable
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


def asking(method: str, parameters: JsonObject | None, id_: str) -> JsonObject:
    """A request."""
    request: JsonObject = {"jsonrpc": "2.0", "id": id_, "method": method}
    return request if parameters is None else request | {"params": parameters}


def is_error(answer: JsonValue) -> bool:
    """Whether a value is an answer that says no."""
    return isinstance(answer, dict) and answer.get("jsonrpc") == "2.0" and "error" in answer


def result_of(answer: JsonValue, who: str) -> JsonValue:
    """The result in an answer of somebody.

    Raises ``Fault``: runtime for an answer that says no, communication for what is no answer at all.
    """
    if is_error(answer):
        assert isinstance(answer, dict)
        raise refused(answer["error"], who)
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0" or "result" not in answer:
        raise Fault(FaultKind.COMMUNICATION, f"{who} answered what is not JSON-RPC 2.0")
    return answer["result"]


def refused(error: JsonValue, who: str) -> Fault:
    """The fault of an error that somebody told."""
    code = error.get("code") if isinstance(error, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    told = printable(message) if isinstance(message, str) else "without saying why"
    shown = code if isinstance(code, int) else "without a code"
    return Fault(FaultKind.RUNTIME, f"{who} answered with the error {shown}: {told}")
