"""``use.extensions``: tasks that run before and after others."""

from __future__ import annotations

from dataclasses import replace

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.expressions import read_expression
from pgworker.dsl.v1_0.names import ListReader, Names
from pgworker.plan.nodes import Extension

EXTENDABLE = (
    "call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all",
)  # fmt: skip
_COMPOSITE = frozenset({"do", "fork"})


def read_extensions(piece: Piece, names: Names, read_list: ListReader) -> Names:
    """The names with the extensions; their own tasks are extended by none."""
    extensions: list[tuple[str, Extension]] = []
    for item in piece.items():
        entry = item.entry("extension")
        if entry is None:
            continue
        name, extension = entry
        if extension.object() is None or not extension.require(["extend"], f"the extension `{name}`"):
            continue
        extension.allow({"extend", "when", "before", "after"}, "an extension")
        kind = extension.member("extend").choice(EXTENDABLE)
        before, after = (
            read_list(extension.member(key), names) if extension.has(key) else None
            for key in ("before", "after")
        )
        when = read_expression(extension.member("when"), names.variables) if extension.has("when") else None
        if kind is not None:
            extensions.append((kind, Extension(name, when, before, after)))
    return replace(names, extensions=tuple(extensions))


def extensions_of(kind: str, names: Names) -> tuple[Extension, ...]:
    """The extensions of a kind of task."""
    wanted = {"all", "composite" if kind in _COMPOSITE else kind}
    return tuple(extension for extend, extension in names.extensions if extend in wanted)
