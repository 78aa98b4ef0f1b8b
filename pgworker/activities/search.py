"""Search: where any of many texts stands, in time that hardly grows with their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

Span = tuple[int, int]
"""Where something begins, and where it has ended."""

_FEW = 64
"""So many texts are looked for one after the other; that is quick, as the library knows how to."""

_WORD = 4
SHORTEST = 2 * _WORD - 1
"""Bytes of a text: any so long covers a whole word, wherever it begins."""


class Search:
    """Finds texts of ``SHORTEST`` bytes or more.

    Of many texts the words are known (each four bytes of their first seven), and the content is looked
    through word by word, once. Only where a word is known the texts that have it are compared.
    """

    def __init__(self, texts: Iterable[bytes]) -> None:
        self._texts = sorted({text for text in texts if len(text) >= SHORTEST})
        self._places: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        if len(self._texts) > _FEW:
            for text in self._texts:
                for offset in range(_WORD):
                    (word,) = memoryview(text[offset : offset + _WORD]).cast("I")
                    self._places[word].append((offset, text))

    def spans(self, content: bytes) -> list[Span]:
        """Where the texts stand, in order; those that overlap as one."""
        found = self._by_words(content) if self._places else self._one_by_one(content)
        return merged(found)

    def _one_by_one(self, content: bytes) -> Iterator[Span]:
        for text in self._texts:
            at = content.find(text)
            while at >= 0:
                yield at, at + len(text)
                at = content.find(text, at + 1)

    def _by_words(self, content: bytes) -> Iterator[Span]:
        places = self._places
        words = memoryview(content)[: len(content) // _WORD * _WORD].cast("I")
        if places.keys().isdisjoint(words):
            return
        for place, word in enumerate(words):
            if word in places:
                for offset, text in places[word]:
                    at = _WORD * place - offset
                    if at >= 0 and content.startswith(text, at):
                        yield at, at + len(text)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap as one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
