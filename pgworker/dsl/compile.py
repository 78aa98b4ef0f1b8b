"""The door: a document of any dialect becomes a plan, or is refused with every problem found in it."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.dsl.diagnostics import place
from pgworker.dsl.document import Document
from pgworker.dsl.v1_0.compile import compile_1_0
from pgworker.errors import DocumentError, Problem, ValueRefused
from pgworker.plan.nodes import Plan
from pgworker.types import JsonObject
from pgworker.values import canonical


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan, and what in its document was odd but harmless."""

    plan: Plan
    warnings: tuple[Problem, ...]


def compile_document(document: Document) -> Compiled:
    """The plan of a loaded document; raises ``DocumentError``.

    The plan's definition is the canonical form of the document, as the database keeps it.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    plan = _compile(document, problems, warnings)
    if plan is None or problems:
        raise DocumentError(place(problems, document), source=document.source)
    return Compiled(plan, tuple(place(warnings, document)))


def compile_value(definition: JsonObject) -> Plan:
    """The plan of a definition that came from the database; raises ``DocumentError``."""
    return compile_document(Document.from_value(definition)).plan


def _compile(document: Document, problems: list[Problem], warnings: list[Problem]) -> Plan | None:
    try:
        definition = canonical(document.value)
    except ValueRefused as refusal:
        problems.append(Problem(refusal.pointer, refusal.message, hint=refusal.hint))
        return None
    if not isinstance(definition, dict):
        problems.append(Problem("", "a definition is an object"))
        return None
    header = definition.get("document")
    if isinstance(header, dict) and "dsl" in header:
        return compile_1_0(definition, problems, warnings)
    if "specVersion" in definition or (
        "states" in definition and ("id" in definition or "key" in definition)
    ):
        problems.append(Problem("/specVersion", "documents of version 0.8 cannot be run by this version yet"))
        return None
    problems.append(
        Problem(
            "/document",
            "the document does not say which language it is written in",
            expected="`document.dsl` (1.0.0 to 1.0.3) or `specVersion` (0.8)",
            hint="begin with `document:` and, below it, `dsl: '1.0.3'`",
        )
    )
    return None
