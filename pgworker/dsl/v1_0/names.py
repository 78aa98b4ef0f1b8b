"""What is known at a place of a document: the variables that are bound, and the reusable components."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pgworker.expressions.templates import Template
from pgworker.plan.nodes import RetryPolicy, TaskList, Time
from pgworker.types import Pointer


def _nothing() -> MappingProxyType[str, None]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Names:
    """``variables`` are those of the enclosing loops; ``lists`` collects every task list that is read."""

    authentications: MappingProxyType[str, Template | None] = field(default_factory=_nothing)
    errors: MappingProxyType[str, Template | None] = field(default_factory=_nothing)
    retries: MappingProxyType[str, RetryPolicy | None] = field(default_factory=_nothing)
    timeouts: MappingProxyType[str, Time | None] = field(default_factory=_nothing)
    secrets: frozenset[str] = frozenset()
    lists: dict[Pointer, TaskList] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()

    def within(self, *variables: str) -> Names:
        """What is known where these variables are bound as well."""
        return replace(self, variables=self.variables | frozenset(variables))
