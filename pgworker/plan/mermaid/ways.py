"""The ways out of a task: where its flow leads on, and where its errors go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pgworker.plan.nodes import Next


@dataclass(frozen=True, slots=True)
class Ways:
    """Boxes that the tasks of one list lead to."""

    workflow_end: str
    list_end: str
    errors: str
    siblings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def to(self, then: Next) -> str:
        """Where this leads."""
        if then.ends_workflow:
            return self.workflow_end
        return self.list_end if then.name is None else self.siblings[then.name]

    def inside(self, list_end: str, errors: str | None = None) -> Ways:
        """The ways of a list inside a task; its errors go where the task's own go, if nowhere else."""
        return replace(self, list_end=list_end, errors=errors or self.errors, siblings=MappingProxyType({}))

    def among(self, siblings: Mapping[str, str]) -> Ways:
        """The same, with the siblings known."""
        return replace(self, siblings=siblings)
