"""The plans of definitions, compiled when their first workflow comes by."""

from __future__ import annotations

from collections import OrderedDict

from pgworker.dsl.compile import compile_value
from pgworker.errors import DocumentError, Problem
from pgworker.plan.nodes import Plan
from pgworker.telemetry import log
from pgworker.types import JsonObject

DefinitionKey = tuple[str, str, str]
"""Namespace, name and version: what they name never changes."""

_MOST = 1000


class PlanCache:
    """Compiled definitions by their key; a broken definition is kept as the error that says why."""

    def __init__(self) -> None:
        self._plans: OrderedDict[DefinitionKey, Plan | DocumentError] = OrderedDict()

    def missing(self, keys: set[DefinitionKey]) -> set[DefinitionKey]:
        """The keys of definitions that have to be fetched."""
        return keys - self._plans.keys()

    def add(self, key: DefinitionKey, definition: JsonObject) -> Plan | DocumentError:
        """Compiles a definition."""
        plan: Plan | DocumentError
        try:
            plan = compile_value(definition)
        except DocumentError as error:
            plan = error
        except Exception as error:
            # the compiler's own defect, met in a definition that nobody had compiled before it was stored
            log.exception("a definition broke the compiler", definition="/".join(key))
            plan = DocumentError([Problem("", f"the document could not be read: {type(error).__name__}")])
        self._plans[key] = plan
        if len(self._plans) > _MOST:
            self._plans.popitem(last=False)
        return plan

    def get(self, key: DefinitionKey) -> Plan | DocumentError:
        """The plan of a definition that was added; the one asked for stays longest."""
        self._plans.move_to_end(key)
        return self._plans[key]
