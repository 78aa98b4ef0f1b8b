"""``$ref``: parts of a document that stand elsewhere, in it or in others of the same origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from pgworker.activities.media import printable
from pgworker.activities.request import named
from pgworker.activities.resources import ResourceLoader, structured
from pgworker.activities.uris import absolute, parts_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

MAX_CHAIN = 16
MAX_DOCUMENTS = 32


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document, and the URI of that document, where its relative references begin."""

    value: JsonValue
    base: str

    @property
    def object(self) -> JsonObject:
        """The value as an object, empty if it is none."""
        return self.value if isinstance(self.value, dict) else {}

    def member(self, key: str) -> Node:
        """A member; null if there is none."""
        return Node(self.object.get(key), self.base)

    def items(self) -> Iterator[Node]:
        """The items, if it is an array."""
        for item in self.value if isinstance(self.value, list) else ():
            yield Node(item, self.base)

    def text(self, key: str) -> str | None:
        """A member that is a text."""
        value = self.object.get(key)
        return value if isinstance(value, str) else None


async def opened(resource: JsonValue, loader: ResourceLoader, what: str) -> tuple[Node, References]:
    """A document that a call names, with its credentials, and the references that lead on from it.

    ``what`` is the kind of the document, such as OpenAPI. Raises ``Fault``: configuration for a resource
    without a URI, and for a document that cannot be read.
    """
    uri = resource.get("endpoint") if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or not isinstance(uri, str):
        raise Fault(FaultKind.CONFIGURATION, f"the endpoint of the {what} document must be a URI")
    uri, authentication = uri.partition("#")[0], resource.get("authentication")
    root = Node(await _loaded(loader, uri, authentication), uri)
    return root, References(root, loader, authentication)


class References:
    """Follows the references of one document; others are loaded as they are met, with its credentials."""

    def __init__(self, root: Node, loader: ResourceLoader, authentication: JsonValue) -> None:
        self._root = root
        self._loader = loader
        self._authentication = authentication
        self._documents: dict[str, JsonValue] = {root.base: root.value}

    async def resolve(self, node: Node) -> Node:
        """What a node refers to, or itself; raises ``Fault`` (configuration) for a reference to nothing."""
        for _ in range(MAX_CHAIN):
            reference = node.text("$ref")
            if reference is None:
                return node
            # `#...` stays in the document, however its URI is spelled: urljoin would spell some anew
            uri, _, fragment = (
                node.base + reference if reference.startswith("#") else absolute(node.base, reference)
            ).partition("#")
            node = _at(Node(await self._document(uri), uri), fragment, reference)
        raise _wrong(self._root, f"follows more than {MAX_CHAIN} references in a row")

    async def _document(self, uri: str) -> JsonValue:
        if uri not in self._documents:
            if _origin(uri) != _origin(self._root.base):
                raise _wrong(self._root, f"refers to {named(uri)!r}, which is not of the same origin")
            if len(self._documents) >= MAX_DOCUMENTS:
                raise _wrong(self._root, f"refers to more than {MAX_DOCUMENTS - 1} other documents")
            self._documents[uri] = await _loaded(self._loader, uri, self._authentication)
        return self._documents[uri]


async def _loaded(loader: ResourceLoader, uri: str, authentication: JsonValue) -> JsonValue:
    value = await loader.load(uri, authentication)
    return structured(value, uri) if isinstance(value, str) else value


def _at(document: Node, fragment: str, reference: str) -> Node:
    """The part of a document that a fragment points to."""
    pointer = unquote(fragment)
    value = document.value
    if pointer and not pointer.startswith("/"):
        raise _wrong(
            document,
            f"is referred to by the anchor {printable(reference, 100)!r}; only JSON Pointers are known",
        )
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise _wrong(document, f"has nothing at {printable(pointer)!r}, where a $ref leads")
    return Node(value, document.base)


def _origin(uri: str) -> tuple[str, str]:
    parts = parts_of(uri)
    return parts.scheme.lower(), parts.netloc.lower()


def _wrong(document: Node, what: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, f"the document {named(document.base)!r} {what}")
