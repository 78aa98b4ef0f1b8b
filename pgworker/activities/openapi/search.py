"""Finding an operation in a document by its id."""

from __future__ import annotations

from collections.abc import Iterator

from pgworker.activities.media import printable
from pgworker.activities.openapi.openapi3 import read_operation
from pgworker.activities.openapi.operation import METHODS, Operation, Place
from pgworker.activities.openapi.references import Node, References
from pgworker.activities.openapi.swagger2 import read_swagger_operation
from pgworker.activities.request import named
from pgworker.dsl.diagnostics import suggest
from pgworker.errors import Fault, FaultKind


async def find_operation(root: Node, references: References, operation_id: str) -> Operation:
    """The operation of this id; raises ``Fault`` (configuration) if there is none, or if there are two."""
    is_swagger = _is_swagger(root)
    places = [place for place in _inline(root) if place.node.text("operationId") == operation_id]
    if not places:
        # Path items that stand elsewhere may be in other documents: they are looked at only if need be.
        places = [
            place
            for path, item in _referred(root)
            for place in _operations(root, path, await references.resolve(item))
            if place.node.text("operationId") == operation_id
        ]
    if not places:
        raise _wrong(root, f"has no operation {printable(operation_id, 100)!r}", _like(root, operation_id))
    if len(places) > 1:
        raise _wrong(root, f"has {len(places)} operations {printable(operation_id, 100)!r}")
    return await (read_swagger_operation if is_swagger else read_operation)(places[0], references)


def _is_swagger(root: Node) -> bool:
    if str(root.object.get("swagger")) == "2.0":
        return True
    if str(root.object.get("openapi")).startswith(("3.0", "3.1")):
        return False
    raise _wrong(root, "is none: it has neither `openapi: 3.0.x`, `openapi: 3.1.x` nor `swagger: '2.0'`")


def _inline(root: Node) -> Iterator[Place]:
    for path, item in _items(root):
        yield from _operations(root, path, item)


def _referred(root: Node) -> Iterator[tuple[str, Node]]:
    return ((path, item) for path, item in _items(root) if item.text("$ref") is not None)


def _items(root: Node) -> Iterator[tuple[str, Node]]:
    paths = root.member("paths")
    return ((path, paths.member(path)) for path in paths.object if path.startswith("/"))


def _operations(root: Node, path: str, item: Node) -> Iterator[Place]:
    return (Place(root, path, item, method) for method in METHODS if method in item.object)


def _like(root: Node, operation_id: str) -> str | None:
    known = (place.node.text("operationId") for place in _inline(root))
    return suggest(operation_id, [name for name in known if name is not None])


def _wrong(root: Node, what: str, hint: str | None = None) -> Fault:
    detail = f"the OpenAPI document {named(root.base)!r} {what}"
    fault = Fault(FaultKind.CONFIGURATION, detail if hint is None else f"{detail}; {hint}")
    fault.hint = hint
    return fault
