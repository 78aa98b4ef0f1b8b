"""Documents with a few things about them changed: deleted, renamed, added, replaced, moved, emptied."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from hypothesis import strategies as st

from pgworker.types import JsonObject, JsonValue

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]

OTHERS: list[JsonValue] = [
    None, True, False, 0, 1, 7, -1, 1.0, 1.5, 65536, 2**31, 2**53 + 1, -(2**63), 2**63,
    "", " ", "text", "${ .a }", ".a", "${ }", "${ .a", "a ${ .b } c", "x" * 64, "x" * 300, "PT5S", "P1M", "P",
    "https://x/{a}", "a b", "end", "1.0.0", "0 0 * * *", "a.b", "é", "0", "\N{PILE OF POO}",
    [], {}, [1], ["a"], [[]], [{}], [None], {"a": 1}, {"a": "b"}, {"a": None}, {"": {}}, {"seconds": 1},
]  # fmt: skip
"""Values of every type, empty ones, and texts and numbers at the limits of something."""

STRANGE_KEYS = ["frobnicate", "", " ", "x-extension", "$ref", "__proto__", "a/b~c", "é", "0"]


def places(value: JsonValue, path: Path = ()) -> Iterator[Path]:
    """The paths of everything below a value, and its own."""
    yield path
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def at(value: JsonValue, path: Path) -> JsonValue:
    """What stands at the path."""
    for key in path:
        value = value[key]
    return value


def replaced(value: JsonValue, path: Path, other: JsonValue) -> JsonValue:
    """The value with another one at the path, where there may have been none."""
    if not path:
        return other
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = other
    return changed


def without(value: JsonValue, path: Path) -> JsonValue:
    """The value without what stands at the path."""
    changed = copy.deepcopy(value)
    del at(changed, path[:-1])[path[-1]]
    return changed


class Mutations:
    """Strategies of mutated documents; parts of some are put into others."""

    def __init__(self, originals: Sequence[JsonObject]) -> None:
        self._originals = originals
        self._by_key: dict[str, list[JsonValue]] = {}
        self._parts: list[JsonValue] = []
        for original in originals:
            for path in places(original):
                part = at(original, path)
                self._parts.append(part)
                if path and isinstance(path[-1], str):
                    self._by_key.setdefault(path[-1], []).append(part)
        self._keys = sorted(self._by_key)

    def documents(self, most: int = 1) -> st.SearchStrategy[JsonObject]:
        """Documents to which one to ``most`` things have happened."""
        return _documents(self, most)

    def draw(self, draw: st.DrawFn, most: int) -> JsonObject:
        """One such document."""
        document: JsonObject = copy.deepcopy(_one_of(draw, self._originals))
        for _ in range(draw(st.integers(1, most))):
            self._mutate(draw, document)
        return document

    def _mutate(self, draw: st.DrawFn, document: JsonObject) -> None:
        """Changes one thing below the document's root, in place."""
        paths = [path for path in places(document) if path]
        if not paths:
            return
        *above, last = _one_of(draw, paths)
        parent = at(document, tuple(above))
        match _one_of(draw, _WAYS):
            case "delete":
                del parent[last]
            case "rename" if isinstance(last, str):
                renamed = {self._key(draw, key) if key == last else key: parent[key] for key in parent}
                parent.clear()
                parent.update(renamed)
            case "add" if isinstance(parent[last], dict):
                key = self._key(draw, "a")
                parent[last][key] = self._value(draw, key)
            case "add" | "duplicate" if isinstance(parent[last], list):
                more = parent[last] if parent[last] else OTHERS
                parent[last].append(copy.deepcopy(_one_of(draw, more)))
            case "graft":
                parent[last] = self._value(draw, last)
            case "empty":
                parent[last] = [] if isinstance(parent[last], list) else {}
            case _:
                parent[last] = copy.deepcopy(_one_of(draw, OTHERS))

    def _key(self, draw: st.DrawFn, key: str) -> str:
        """A key of some document, a misspelling, or an unknown one."""
        misspelled = [key + "s", key[:-1], key.upper(), key.title()]
        return _one_of(draw, _one_of(draw, [self._keys, STRANGE_KEYS, misspelled]))

    def _value(self, draw: st.DrawFn, key: str | int) -> JsonValue:
        """Something that stands somewhere, by preference at the same key."""
        fitting = self._by_key.get(str(key), self._parts)
        pool = _one_of(draw, [fitting, fitting, self._parts, OTHERS])
        return copy.deepcopy(_one_of(draw, pool))


_WAYS = ("delete", "rename", "add", "add", "replace", "replace", "graft", "graft", "empty", "duplicate")


@st.composite
def _documents(draw: st.DrawFn, mutations: Mutations, most: int) -> JsonObject:
    return mutations.draw(draw, most)


def _one_of(draw: st.DrawFn, values: Sequence[T]) -> T:
    # ``sampled_from`` copies what it is given, which takes longer than all the rest
    return values[draw(st.integers(0, len(values) - 1))]
