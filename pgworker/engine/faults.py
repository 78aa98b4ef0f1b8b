"""Problem objects: how a failure reads in history."""

from __future__ import annotations

from pgworker.errors import ExpressionError, Fault, FaultKind, PgworkerError, ValueRefused, ValueTooLarge
from pgworker.types import JsonObject, Pointer

FAILURES = (Fault, ExpressionError, ValueRefused)
"""What a task may fail with; anything else that is raised is a defect of the engine."""

_LONGEST_DETAIL = 4000


class Raised(Fault):
    """A failure whose problem object the author of the workflow wrote."""

    def __init__(self, written: JsonObject) -> None:
        super().__init__(FaultKind.RUNTIME, str(written.get("detail") or written.get("title") or "raised"))
        self.written = written

    def problem(self, instance: Pointer) -> JsonObject:
        return {**self.written, "instance": instance}


def problem_of(failure: PgworkerError, instance: Pointer) -> JsonObject:
    """The problem object of a failure of the task ``instance``, canonical and of bounded size."""
    problem = fault_of(failure).problem(instance)
    return {
        member: shorten(value) if isinstance(value, str) else value
        for member, value in sorted(problem.items(), key=lambda item: (len(item[0]), item[0]))
    }


def fault_of(failure: PgworkerError) -> Fault:
    """The fault that a task has which fails with this."""
    if isinstance(failure, Fault):
        return failure
    if isinstance(failure, ValueRefused):
        where = f" at {failure.pointer}" if failure.pointer else ""
        kind = FaultKind.RUNTIME if isinstance(failure, ValueTooLarge) else FaultKind.VALIDATION
        return Fault(kind, f"a value cannot be kept: {failure.message}{where}")
    return Fault(FaultKind.EXPRESSION, failure.message)


def shorten(text: str) -> str:
    """A text that is short enough for an error's detail, without characters that JSON cannot hold."""
    printable = text.replace("\0", "\\u0000").encode(errors="backslashreplace").decode()
    return printable if len(printable) <= _LONGEST_DETAIL else printable[:_LONGEST_DETAIL] + "..."
