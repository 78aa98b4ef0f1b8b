"""An operation of a document, whichever version describes it."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.activities.openapi.bodies import Body
from pgworker.activities.openapi.parameters import Parameter
from pgworker.activities.openapi.references import Node, References

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Operation:
    """What one has to know to call it; ``accepts`` are the media types of its answers."""

    method: str
    address: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    accepts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation stands in its document."""

    root: Node
    path: str
    item: Node
    method: str

    @property
    def node(self) -> Node:
        """The operation."""
        return self.item.member(self.method)

    async def parameters(self, references: References) -> list[Node]:
        """All its parameters: its own, and those of its path that it does not have itself."""
        found: dict[tuple[str | None, str | None], Node] = {}
        for level in (self.item, self.node):
            for item in level.member("parameters").items():
                node = await references.resolve(item)
                found[node.text("name"), node.text("in")] = node
        return list(found.values())
