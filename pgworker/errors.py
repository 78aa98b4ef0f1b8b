"""What can go wrong, one class a kind.

Two families are kept apart. A ``Fault`` is a failure *of a workflow*: a problem object that its author can
catch and that ends in history. Every other ``PgworkerError`` is a failure *of what was asked of us* (a bad
document, a missing setting, a refused call) and is told to the person who asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pgworker.types import JsonObject, Pointer

ERROR_TYPE_ROOT = "https://serverlessworkflow.io/spec/1.0.0/errors/"


class FaultKind(StrEnum):
    """The standard error types of DSL 1.0 ("Standard Error Types" in its reference)."""

    CONFIGURATION = "configuration"
    VALIDATION = "validation"
    EXPRESSION = "expression"
    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    TIMEOUT = "timeout"
    COMMUNICATION = "communication"
    RUNTIME = "runtime"


_STATUS = {
    FaultKind.CONFIGURATION: 400,
    FaultKind.VALIDATION: 400,
    FaultKind.EXPRESSION: 400,
    FaultKind.AUTHENTICATION: 401,
    FaultKind.AUTHORIZATION: 403,
    FaultKind.TIMEOUT: 408,
    FaultKind.COMMUNICATION: 500,
    FaultKind.RUNTIME: 500,
}
_TITLE = {
    FaultKind.CONFIGURATION: "Configuration error",
    FaultKind.VALIDATION: "Validation error",
    FaultKind.EXPRESSION: "Expression error",
    FaultKind.AUTHENTICATION: "Authentication error",
    FaultKind.AUTHORIZATION: "Authorization error",
    FaultKind.TIMEOUT: "Timeout",
    FaultKind.COMMUNICATION: "Communication error",
    FaultKind.RUNTIME: "Runtime error",
}


class PgworkerError(Exception):
    """The root of everything that pgworker raises; ``hint`` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Fault(PgworkerError):
    """A failure of a task, as a problem object (RFC 7807).

    ``instance`` is filled in by the engine: whoever raises a fault need not know which task it works for.

    >>> Fault(FaultKind.TIMEOUT, "no answer after 30 s").problem("/do/0/ask")["status"]
    408
    """

    def __init__(
        self,
        kind: FaultKind,
        detail: str,
        *,
        status: int | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.status = _STATUS[kind] if status is None else status
        self.title = _TITLE[kind] if title is None else title

    def __reduce__(self) -> tuple[Callable[..., Fault], tuple[FaultKind, str, int, str]]:
        return _fault, (self.kind, self.detail, self.status, self.title)

    def problem(self, instance: Pointer) -> JsonObject:
        """The problem object that goes into history."""
        return {
            "type": ERROR_TYPE_ROOT + self.kind.value,
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "instance": instance,
        }


def _fault(kind: FaultKind, detail: str, status: int, title: str) -> Fault:
    """A fault that has come from another process."""
    return Fault(kind, detail, status=status, title=title)


class ExpressionError(PgworkerError):
    """An expression that does not compile, or failed on the data it was given."""


class ImportRefused(PgworkerError):
    """A file of an exported workflow that cannot be taken in: none at all, not whole, or not sound."""


class ValueRefused(PgworkerError):
    """A value that JSON in PostgreSQL cannot hold as it is (NUL, NaN, too deep, too large).

    ``pointer`` leads to the offender inside the value.
    """

    def __init__(self, message: str, pointer: Pointer, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


class ValueTooLarge(ValueRefused):
    """A value that no event can hold, by its size."""


class Rule(StrEnum):
    """Rules for documents that the language's schema cannot tell, so that it accepts what breaks them."""

    NAME = "name"  # what is named exists: under ``use``, or as a function
    TARGET = "target"  # ``then`` leads to a task of the same list
    UNIQUE = "unique"  # no name occurs twice in a list, and one default case is enough
    EXPRESSION = "expression"  # expressions are jq programs, and variables have names that jq can read
    URI = "uri"  # URI templates are those of RFC 6570
    JSON_SCHEMA = "json-schema"  # a schema is a JSON Schema
    SCHEDULE = "schedule"  # a workflow is scheduled in one way, which can be told when it is defined
    RESOURCE = "resource"  # what a definition is made of can be found before any workflow runs
    STORABLE = "storable"  # PostgreSQL can hold every value
    RUNNABLE = "runnable"  # this version of pgworker knows how to run it


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a document: where, what, what was expected, what to do.

    ``line`` and ``column`` count from 1 and are None where the document has no text (a definition that came
    from the database). ``rule`` is None for what the language's schema refuses too.
    """

    pointer: Pointer
    message: str
    expected: str | None = None
    hint: str | None = None
    line: int | None = None
    column: int | None = None
    rule: Rule | None = None


class DocumentError(PgworkerError):
    """A document that was refused, with every problem that was found in it."""

    def __init__(self, problems: Sequence[Problem], *, source: str | None = None) -> None:
        super().__init__("; ".join(f"{p.pointer or '/'}: {p.message}" for p in problems))
        self.problems = tuple(problems)
        self.source = source


class SettingsError(PgworkerError):
    """A setting that is missing or cannot be understood."""


class FunctionRefused(PgworkerError):
    """A Python function that no workflow could call: its name, or what it takes."""


class DatabaseUnavailable(PgworkerError):
    """The database cannot be reached, or not now; trying again may help."""


class StoreRefused(PgworkerError):
    """The database said no to a call, and trying again will not help."""


class NotFound(StoreRefused):
    """No workflow or definition of that name."""


class Conflict(StoreRefused):
    """Other content exists under that name, or the workflow's status does not allow it."""


class WorkflowFailed(PgworkerError):
    """A workflow that was waited for ended FAILED or CANCELLED; ``problem`` is its error."""

    def __init__(self, message: str, problem: JsonObject | None, *, cancelled: bool) -> None:
        super().__init__(message)
        self.problem = problem
        self.cancelled = cancelled


class WaitTimedOut(PgworkerError):
    """A workflow that was waited for did not end in time."""


class FeatureError(PgworkerError):
    """A feature file that cannot be read."""


class Unmet(PgworkerError):
    """A step of a scenario that does not hold, or that nobody can read."""
