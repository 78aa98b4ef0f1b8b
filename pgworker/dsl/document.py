"""A definition as it was written: its value, and where each part of it stands in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgworker.types import JsonObject, Pointer


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands, and the marks of what it holds; line and column count from 1.

    Marks form a tree of the document's shape. A table from pointers to positions would grow with the product
    of key lengths and nodes, which a hostile document can make gigabytes of.
    """

    line: int
    column: int
    members: Mapping[str, Mark] | Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded definition; ``source`` names the file, ``marks`` is None where there was no text.

    Values under an alias are shared between the places that use them, so nothing in ``value`` is changed in
    place.

    >>> Document.from_value({"do": []}).locate("/do") is None
    True
    """

    value: JsonObject
    source: str | None = None
    marks: Mark | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_value(cls, value: JsonObject, source: str | None = None) -> Document:
        """A document that has no text, such as one read from the database."""
        return cls(value, source)

    def locate(self, pointer: Pointer) -> tuple[int, int] | None:
        """The line and column of a value, from 1; of the nearest ancestor, if the value itself is not there.

        A mapping's member is where its key is, a sequence's item where the item begins. None if the document
        has no text.
        """
        if self.marks is None:
            return None
        mark = self.marks
        for token in pointer.split("/")[1:]:
            member = _member(mark, token.replace("~1", "/").replace("~0", "~"))
            if member is None:
                break
            mark = member
        return mark.line, mark.column


def _member(mark: Mark, token: str) -> Mark | None:
    members = mark.members
    if isinstance(members, Mapping):
        return members.get(token)
    # Seven digits are more than any document has items, and keep int() away from long text.
    is_index = token.isascii() and token.isdecimal() and len(token) <= 7
    return members[int(token)] if is_index and int(token) < len(members) else None
