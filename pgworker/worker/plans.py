"""The plans of definitions, compiled when their first workflow comes by."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgworker.dsl.compile import compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.v1_0.names import Wanted
from pgworker.errors import DocumentError, Problem
from pgworker.plan.nodes import Plan
from pgworker.telemetry import log
from pgworker.types import JsonObject, JsonValue

DefinitionKey = tuple[str, str, str]
"""Namespace, name and version: what they name never changes."""

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A definition that refers to something outside which has not been loaded yet: its plan has holes."""

    plan: Plan
    wanted: Sequence[Wanted]


Entry = Plan | DocumentError | Incomplete


class PlanCache:
    """Compiled definitions by their key; a broken definition is kept as the error that says why."""

    def __init__(self) -> None:
        self._plans: OrderedDict[DefinitionKey, Entry] = OrderedDict()
        self._outdated: set[DefinitionKey] = set()

    def missing(self, keys: set[DefinitionKey]) -> set[DefinitionKey]:
        """The keys of definitions that have to be fetched."""
        return (keys - self._plans.keys()) | (keys & self._outdated)

    def is_refused(self, key: DefinitionKey) -> bool:
        """Whether a definition was taken for broken when it was last looked at."""
        return isinstance(self._plans.get(key), DocumentError)

    def add(
        self, key: DefinitionKey, definition: JsonObject, resources: Mapping[str, JsonValue] | None = None
    ) -> Entry:
        """Compiles a definition with what was loaded for it."""
        entry = _compiled(key, definition, resources or {})
        self.put(key, entry)
        return entry

    def put(self, key: DefinitionKey, entry: Entry) -> None:
        """Keeps what is known of a definition."""
        self._plans[key] = entry
        self._outdated.discard(key)
        if len(self._plans) > _MOST:
            self._outdated.discard(self._plans.popitem(last=False)[0])

    def forget(self, key: DefinitionKey) -> None:
        """Has a definition fetched anew when it is needed again.

        Until then it is there: a turn may have come upon it that is about to ask for it.
        """
        self._outdated.add(key)

    def get(self, key: DefinitionKey) -> Entry:
        """What is known of a definition that was added; the one asked for stays longest."""
        self._plans.move_to_end(key)
        return self._plans[key]


def _compiled(key: DefinitionKey, definition: JsonObject, resources: Mapping[str, JsonValue]) -> Entry:
    try:
        compiled = compile_document(Document.from_value(definition), resources)
    except DocumentError as error:
        return error
    except Exception as error:
        # the compiler's own defect, met in a definition that nobody had compiled before it was stored
        log.exception("a definition broke the compiler", definition="/".join(key))
        return DocumentError([Problem("", f"the document could not be read: {type(error).__name__}")])
    if compiled.wanted:
        return Incomplete(compiled.plan, compiled.wanted)
    return compiled.plan
