"""What is known at a place of a document: the variables that are bound, and the reusable components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.siblings import Siblings
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import Extension, Node, RetryPolicy, TaskList, Time
from pgworker.types import JsonValue, Pointer


def _nothing() -> MappingProxyType[str, None]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something outside that the document refers to and that has to be loaded first."""

    uri: str
    authentication: JsonValue = None


@dataclass(frozen=True, slots=True)
class Names:
    """``variables`` are those of the enclosing loops; ``lists`` collects every task list that is read.

    ``functions`` leads to the lists of one task that functions are. ``resources`` is what was loaded from
    outside, by address, ``wanted`` collects what would have to be.
    """

    authentications: MappingProxyType[str, Template | None] = field(default_factory=_nothing)
    errors: MappingProxyType[str, Template | None] = field(default_factory=_nothing)
    retries: MappingProxyType[str, RetryPolicy | None] = field(default_factory=_nothing)
    timeouts: MappingProxyType[str, Time | None] = field(default_factory=_nothing)
    catalogs: Mapping[str, Wanted] = field(default_factory=dict)
    extensions: tuple[tuple[str, Extension], ...] = ()
    functions: dict[str, TaskList] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    lists: dict[Pointer, TaskList] = field(default_factory=dict)
    resources: Mapping[str, JsonValue] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    nesting: int = 0

    def within(self, *variables: str) -> Names:
        """What is known where these variables are bound as well."""
        return replace(self, variables=self.variables | frozenset(variables))

    def elsewhere(self) -> Names:
        """What is known in a function from a catalog: nothing of the document but its catalogs."""
        return Names(
            catalogs=self.catalogs,
            lists=self.lists,
            resources=self.resources,
            wanted=self.wanted,
            nesting=self.nesting + 1,
        )


TaskReader: TypeAlias = "Callable[[Piece, str, Siblings, Names], Node | None]"
"""Reads one task; handed to those whose tasks contain tasks."""

ListReader: TypeAlias = Callable[[Piece, Names], TaskList]
"""Reads a list of tasks."""
