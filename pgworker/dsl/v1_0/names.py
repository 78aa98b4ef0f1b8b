"""What is known at a place of a document: the variables that are bound, and the reusable components."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pgworker.expressions.templates import Template
from pgworker.plan.nodes import TaskList
from pgworker.types import Pointer


@dataclass(frozen=True, slots=True)
class Names:
    """``variables`` are those of the enclosing loops; ``lists`` collects every task list that is read."""

    errors: MappingProxyType[str, Template | None]
    lists: dict[Pointer, TaskList] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()

    def within_loop(self, *variables: str) -> Names:
        """What is known in the body of a loop that binds these variables."""
        return replace(self, variables=self.variables | frozenset(variables))
