"""The door: a document of any dialect becomes a plan, or is refused with every problem found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pgworker.dsl.diagnostics import place
from pgworker.dsl.document import Document
from pgworker.dsl.v1_0.compile import compile_1_0
from pgworker.dsl.v1_0.names import Wanted
from pgworker.errors import DocumentError, Problem, Rule, ValueRefused
from pgworker.plan.nodes import Plan
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

_NO_RESOURCES: Mapping[str, JsonValue] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan, what in its document was odd but harmless, and what would have to be loaded to run it."""

    plan: Plan
    warnings: tuple[Problem, ...] = ()
    wanted: tuple[Wanted, ...] = ()


def compile_document(document: Document, resources: Mapping[str, JsonValue] = _NO_RESOURCES) -> Compiled:
    """The plan of a loaded document; raises ``DocumentError``.

    The plan's definition is the canonical form of the document, as the database keeps it. ``resources`` is
    what was loaded of the things outside that the document refers to, by address; as long as something is
    ``wanted`` the plan is not complete.
    """
    reading = _Reading(resources)
    plan = _compile(document, reading)
    if plan is None or reading.problems:
        raise DocumentError(place(reading.problems, document), source=document.source)
    return Compiled(plan, tuple(place(reading.warnings, document)), tuple(reading.wanted.values()))


def compile_value(definition: JsonObject, resources: Mapping[str, JsonValue] = _NO_RESOURCES) -> Plan:
    """The plan of a definition that came from the database; raises ``DocumentError``."""
    return compile_document(Document.from_value(definition), resources).plan


@dataclass(slots=True)
class _Reading:
    """What one reading of a document brings to light."""

    resources: Mapping[str, JsonValue]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    wanted: dict[str, Wanted] = field(default_factory=dict)


def _compile(document: Document, reading: _Reading) -> Plan | None:
    problems = reading.problems
    try:
        definition = canonical(document.value)
    except ValueRefused as refusal:
        problems.append(Problem(refusal.pointer, refusal.message, hint=refusal.hint, rule=Rule.STORABLE))
        return None
    if not isinstance(definition, dict):
        problems.append(Problem("", "a definition is an object"))
        return None
    header = definition.get("document")
    if isinstance(header, dict) and "dsl" in header:
        return compile_1_0(definition, problems, reading.warnings, reading.resources, reading.wanted)
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
