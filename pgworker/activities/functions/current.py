"""The call that is under way: what a function may want to know beside its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pgworker.errors import PgworkerError


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One attempt at one call of a function.

    ``idempotency_key`` is the same for every attempt at the call, and for no other call. ``attempt`` counts
    from 1; it grows when a worker was lost with the call, while a retry of the workflow's is a call anew.
    """

    function: str
    workflow_id: str
    idempotency_key: str
    attempt: int


_ATTEMPT: ContextVar[int] = ContextVar("attempt", default=1)
_CALL: ContextVar[FunctionCall] = ContextVar("function_call")


@contextmanager
def attempting(attempt: int) -> Iterator[None]:
    """Within it activities are performed for the so-and-so-many-th time."""
    token = _ATTEMPT.set(attempt)
    try:
        yield
    finally:
        _ATTEMPT.reset(token)


@contextmanager
def calling(function: str, idempotency_key: str) -> Iterator[None]:
    """Within it the function knows what it is called for."""
    workflow_id = idempotency_key.rpartition(":")[0]
    token = _CALL.set(FunctionCall(function, workflow_id, idempotency_key, _ATTEMPT.get()))
    try:
        yield
    finally:
        _CALL.reset(token)


def current_call() -> FunctionCall:
    """The call for which the function runs; raises ``PgworkerError`` where none is under way.

    >>> async def charge(amount: int) -> str:
    ...     return await bank.charge(amount, idempotency_key=current_call().idempotency_key)
    """
    call = _CALL.get(None)
    if call is None:
        raise PgworkerError(
            "no function is being called here",
            hint="Ask in the function itself; a thread that it starts knows nothing of its call.",
        )
    return call
