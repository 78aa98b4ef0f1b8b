"""Parts become one value and its marks, in one pass and without recursion, within limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from pgworker.dsl.diagnostics import quoted
from pgworker.dsl.document import Mark
from pgworker.dsl.parts import Alias, End, Part, Scalar, Start
from pgworker.dsl.refusals import (
    Unreadable,
    composite_key,
    empty_document,
    merge_key,
    not_a_mapping,
    over_limit,
    problem_of,
    unknown_anchor,
    unquoted_key,
    unsupported_tag,
)
from pgworker.dsl.scalars import CORE_TAG, MERGE_KEY, resolve
from pgworker.errors import Problem
from pgworker.types import JsonObject, JsonValue, Pointer, child_pointer

MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_ALIASES = 100
MAX_CHARACTERS = 1024 * 1024
"""Of all text after the aliases are expanded: a hundred uses of one long string are a bomb too."""

MAX_PROBLEMS = 20


@dataclass(slots=True)
class _Frame:
    """A mapping or sequence that is being read; ``key`` is the member whose value comes next."""

    value: JsonObject | list[JsonValue]
    mark: Mark
    members: dict[str, Mark] | list[Mark]
    anchor: str | None
    nodes_before: int
    characters_before: int
    key: str | None = None
    key_position: tuple[int, int] = (1, 1)
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for, and what each use of it costs."""

    value: JsonValue
    nodes: int
    characters: int
    height: int


@dataclass(slots=True)
class Builder:
    """Takes parts one by one; ``root`` and ``marks`` are the result if ``problems`` is empty at the end.

    What only spoils one value is collected in ``problems``; what makes reading on pointless raises
    ``Unreadable``. With ``keys_are_text`` a key that YAML reads as a number, a boolean or null is its text.
    """

    keys_are_text: bool = False
    root: JsonObject | None = None
    marks: Mark | None = None
    problems: list[Problem] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=list)
    _anchors: dict[str, _Anchored | None] = field(default_factory=dict)
    _nodes: int = 0
    _characters: int = 0
    _aliases: int = 0

    def take(self, part: Part) -> None:
        """Add the next part of the text."""
        if not self._frames:
            self._check_root(part)
        match part:
            case Scalar():
                self._scalar(part)
            case Alias():
                self._alias(part)
            case Start():
                self._start(part)
            case End():
                self._end()
            case _:
                assert_never(part)

    def pointer(self) -> Pointer:
        """The pointer of the value that is being read."""
        pointer = ""
        for frame in self._frames:
            if isinstance(frame.value, list):
                pointer = child_pointer(pointer, len(frame.value))
            elif frame.key is not None:
                pointer = child_pointer(pointer, frame.key)
        return pointer

    def _check_root(self, part: Part) -> None:
        if isinstance(part, Start) and part.mapping:
            return
        if isinstance(part, Scalar) and part.plain and not part.text and part.tag is None:
            raise empty_document()
        raise not_a_mapping(part)

    def _scalar(self, scalar: Scalar) -> None:
        self._spend(1, len(scalar.text), scalar)
        if self._expects_key():
            key = self._key_text(scalar)
            self._key(scalar, key)
            value: JsonValue = key
        else:
            value = self._resolved(scalar)
            self._add(value, self._mark(scalar), height=0)
        if scalar.anchor is not None:
            self._anchors[scalar.anchor] = _Anchored(value, 1, len(scalar.text), 0)

    def _resolved(self, scalar: Scalar) -> JsonValue:
        try:
            return resolve(scalar)
        except Unreadable as refusal:
            self._refuse(refusal, scalar)
            return None

    def _key_text(self, scalar: Scalar) -> str:
        """The key; where it is none, its problem is noted and its text stands in for it."""
        try:
            if scalar.plain and scalar.text == MERGE_KEY:
                raise merge_key()
            key = resolve(scalar)
            if not isinstance(key, str) and self.keys_are_text:
                return scalar.text
            if not isinstance(key, str):
                raise unquoted_key(scalar.text)
            return key
        except Unreadable as refusal:
            self._refuse(refusal, scalar, child_pointer(self.pointer(), scalar.text))
            return scalar.text

    def _key(self, part: Scalar | Alias, key: str) -> None:
        frame = self._frames[-1]
        first = frame.members.get(key) if isinstance(frame.members, dict) else None
        if first is not None:
            duplicate = Unreadable(
                f"the key {quoted(key)} occurs twice in one mapping, "
                f"first in line {first.line}, column {first.column}",
                hint="rename or remove one of the two",
            )
            self._refuse(duplicate, part, child_pointer(self.pointer(), key))
        frame.key, frame.key_position = key, (part.line, part.column)

    def _alias(self, alias: Alias) -> None:
        anchored = self._anchored(alias)
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise over_limit(f"more than {MAX_ALIASES} aliases are used", alias)
        self._spend(anchored.nodes, anchored.characters, alias)
        self._check_depth(len(self._frames) + anchored.height, alias)
        if not self._expects_key():
            self._add(anchored.value, self._mark(alias), anchored.height)
        elif isinstance(anchored.value, str):
            self._key(alias, anchored.value)
        else:
            raise composite_key(alias)

    def _anchored(self, alias: Alias) -> _Anchored:
        if alias.anchor not in self._anchors:
            raise unknown_anchor(alias)
        anchored = self._anchors[alias.anchor]
        if anchored is None:
            raise Unreadable(
                f"the alias *{alias.anchor} stands inside what it names",
                hint="a definition cannot contain itself; write the members out",
                position=(alias.line, alias.column),
            )
        return anchored

    def _start(self, start: Start) -> None:
        if self._frames and self._expects_key():
            raise composite_key(start)
        self._spend(1, 0, start)
        self._check_depth(len(self._frames) + 1, start)
        if start.tag not in (None, "!", CORE_TAG + ("map" if start.mapping else "seq")):
            self._refuse(unsupported_tag(start.tag or ""), start)
        members: dict[str, Mark] | list[Mark] = {} if start.mapping else []
        line, column = self._place(start)
        mark = Mark(line, column, members)
        value: JsonObject | list[JsonValue] = {} if start.mapping else []
        spent = (self._nodes - 1, self._characters)
        self._frames.append(_Frame(value, mark, members, start.anchor, *spent))
        if start.anchor is not None:
            self._anchors[start.anchor] = None

    def _end(self) -> None:
        frame = self._frames.pop()
        if frame.anchor is not None:
            nodes, characters = self._nodes - frame.nodes_before, self._characters - frame.characters_before
            self._anchors[frame.anchor] = _Anchored(frame.value, nodes, characters, frame.height)
        if self._frames:
            self._add(frame.value, frame.mark, frame.height)
        elif isinstance(frame.value, dict):
            self.root, self.marks = frame.value, frame.mark

    def _add(self, value: JsonValue, mark: Mark, height: int) -> None:
        frame = self._frames[-1]
        frame.height = max(frame.height, height + 1)
        if isinstance(frame.value, list) and isinstance(frame.members, list):
            frame.value.append(value)
            frame.members.append(mark)
        elif isinstance(frame.value, dict) and isinstance(frame.members, dict) and frame.key is not None:
            frame.value[frame.key] = value
            frame.members[frame.key] = mark
            frame.key = None

    def _expects_key(self) -> bool:
        frame = self._frames[-1]
        return isinstance(frame.value, dict) and frame.key is None

    def _place(self, part: Part) -> tuple[int, int]:
        """A mapping's member stands where its key does."""
        if self._frames and isinstance(self._frames[-1].value, dict):
            return self._frames[-1].key_position
        return part.line, part.column

    def _mark(self, part: Part) -> Mark:
        line, column = self._place(part)
        return Mark(line, column)

    def _spend(self, nodes: int, characters: int, part: Part) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            raise over_limit(
                f"the document has more than {MAX_NODES:,} values, keys and aliased copies", part
            )
        if self._characters > MAX_CHARACTERS:
            raise over_limit("the document's text is longer than 1 MiB once its aliases are expanded", part)

    def _check_depth(self, depth: int, part: Part) -> None:
        if depth > MAX_DEPTH:
            raise over_limit(f"the document is nested more than {MAX_DEPTH} levels deep", part)

    def _refuse(self, refusal: Unreadable, part: Part, pointer: Pointer | None = None) -> None:
        pointer = self.pointer() if pointer is None else pointer
        self.problems.append(problem_of(refusal, pointer, (part.line, part.column)))
        if len(self.problems) >= MAX_PROBLEMS:
            raise Unreadable(
                f"reading stops here, after {MAX_PROBLEMS} problems",
                hint="mend the others first",
                position=(part.line, part.column),
            )
