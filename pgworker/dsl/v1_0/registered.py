"""Python functions that workers have registered: things outside of documents, by addresses of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pgworker.types import JsonObject

_SCHEME = "function:"


def registered(name: str) -> str:
    """The address of a registered function among the resources of a document."""
    return f"{_SCHEME}{name}"


def registered_functions(names: Iterable[str]) -> JsonObject:
    """The resources of documents that may call these functions.

    >>> registered_functions(["score"])
    {'function:score': True}
    """
    return {registered(name): True for name in names}


def registered_names(resources: Collection[str]) -> list[str]:
    """The names of the registered functions among resources."""
    return [uri.removeprefix(_SCHEME) for uri in resources if uri.startswith(_SCHEME)]
