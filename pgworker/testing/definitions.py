"""The definitions that a test engine knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pgworker.client.documents import compiled
from pgworker.dsl.compile import compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.v1_0.registered import registered_functions
from pgworker.errors import Conflict, NotFound, PgworkerError
from pgworker.plan.nodes import Plan
from pgworker.types import JsonObject, JsonValue

Key = tuple[str, str, str]
"""Namespace, name and version."""


class Definitions:
    """Plans by namespace, name and version."""

    def __init__(self, functions: Collection[str]) -> None:
        self._functions = functions
        self._plans: dict[Key, Plan] = {}

    def add(self, document: str | bytes | Path | JsonObject, resources: Mapping[str, JsonValue]) -> Key:
        """Takes a document in; raises ``DocumentError``, and ``Conflict`` as ``Client.define`` does."""
        read = compiled(document, functions=self._functions)
        if read.wanted:
            known = {**resources, **registered_functions(self._functions)}
            read = compile_document(Document.from_value(read.plan.definition), known)
        if read.wanted:
            raise PgworkerError(
                f"the document refers to {read.wanted[0].uri}, which the test does not give",
                hint="Pass what is there: engine.define(document, resources={uri: content}).",
            )
        key = _key_of(read.plan.definition)
        if self._plans.setdefault(key, read.plan).definition != read.plan.definition:
            raise Conflict(f"{'/'.join(key[:2])}:{key[2]} is defined already, with other content")
        return key

    def find(self, namespace: str, name: str, version: str | None) -> tuple[Key, Plan]:
        """A version of a definition, the newest if none is named; raises ``NotFound``."""
        keys = [key for key in self._plans if key[:2] == (namespace, name)]
        if version not in (None, "latest"):
            keys = [key for key in keys if key[2] == version]
        if not keys:
            wanted = f"{namespace}/{name}" + (f":{version}" if version else "")
            raise NotFound(f"no workflow is defined as {wanted}", hint="Define it first: engine.define(...).")
        newest = max(keys, key=lambda key: version_order(key[2]))
        return newest, self._plans[newest]


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts as versions do (SemVer 2.0.0): pre-releases come before their release, numbers before words.

    >>> sorted(["1.10.0", "1.9.0", "1.9.0-rc.1"], key=version_order)
    ['1.9.0-rc.1', '1.9.0', '1.10.0']
    """
    release, _, suffix = version.partition("+")[0].partition("-")
    if re.fullmatch(r"\d+(\.\d+)?", release):
        release += ".0" if "." in release else ".0.0"
    parts = [_part(part) for part in release.split(".")]
    ending = [(2, 0, "")] if not suffix else [(-1, 0, ""), *map(_part, suffix.split("."))]
    return (*parts, *ending)


def _part(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def _key_of(definition: JsonObject) -> Key:
    header = definition["document"]
    assert isinstance(header, dict)
    return str(header["namespace"]), str(header["name"]), str(header["version"])
