"""YAML text, as parts: the only file that knows ruamel.yaml.

It asks the library for parsing events alone. Its composer recurses, and its constructors know tags, dates and
YAML 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Protocol

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.loader import SafeLoader

from pgworker.dsl.parts import Alias, End, Part, Scalar, Start, position_at
from pgworker.dsl.refusals import Unreadable

_UNREADABLE = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML forbids, and the line breaks of YAML 1.1 (NEL, LS, PS) that the library would fold in silence."""

_HINTS = {
    "cannot start any token": "indent and separate with spaces; quote text that begins with @ ` % or a tab",
    "mapping values are not allowed": "quote text that contains a colon and a space; check the indentation",
    "expected <block end>": "check the indentation: members of one mapping begin in the same column",
    "could not find expected ':'": "write a colon and a space after the key; check the indentation",
    "unexpected end of stream": "close the quote or bracket that was opened",
}


class _MarkLike(Protocol):
    """The library's marks, whose numbers count from 0."""

    line: int
    column: int


class _Loader(SafeLoader):
    """The library's parser without its ``YAML`` class, which looks for plug-ins on the disk each time."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # Where the scanner notes a %YAML directive; its own class for it is younger than 0.18.
        self.doc_infos = [SimpleNamespace()]


def read_yaml(text: str) -> Iterator[Part]:
    """The parts of the one YAML document in the text; nothing, if there is none.

    Raises ``Unreadable`` where the text is not YAML 1.2, and at the beginning of a second document.
    """
    _check_characters(text)
    documents = 0
    for event in _events(text):
        match event:
            case DocumentStartEvent():
                documents += 1
                _check_document(event, documents)
            case MappingStartEvent() | SequenceStartEvent():
                is_mapping = isinstance(event, MappingStartEvent)
                yield Start(is_mapping, *_position(event.start_mark), event.tag, event.anchor)
            case CollectionEndEvent():
                yield End(*_position(event.start_mark))
            case ScalarEvent():
                plain = event.style is None
                yield Scalar(event.value, plain, *_position(event.start_mark), event.tag, event.anchor)
            case AliasEvent():
                yield Alias(event.anchor, *_position(event.start_mark))
            case _:
                pass  # The ends of the document and of the stream say nothing.


def _check_characters(text: str) -> None:
    found = _UNREADABLE.search(text)
    if found is not None:
        raise Unreadable(
            f"the text contains the character U+{ord(found[0]):04X}, which YAML does not allow there",
            hint='remove it, or write it as an escape ("\\x7F", "\\u2028") in double quotes',
            position=position_at(text, found.start()),
        )


def _check_document(event: DocumentStartEvent, documents: int) -> None:
    position = _position(event.start_mark)
    if documents > 1:
        raise Unreadable(
            "a second document begins here",
            expected="one document",
            hint="put each definition into a file of its own, without --- between",
            position=position,
        )
    if event.version is not None and event.version != (1, 2):
        raise Unreadable(
            "the %YAML directive asks for another version of YAML",
            expected="YAML 1.2",
            hint="remove the %YAML line",
            position=position,
        )


def _events(text: str) -> Iterator[Event]:
    """The library's events, its errors turned into ours."""
    loader = _Loader(text)
    try:
        while loader.check_event():
            event: Event = loader.get_event()
            yield event
    except MarkedYAMLError as error:
        raise _unreadable(error, loader) from None
    except Exception as error:
        # On malformed text the library also stumbles in ways that it does not declare: IndexError,
        # OverflowError for "\UFFFFFFFF", ValueError for a long %YAML version, AssertionError.
        hint = "check the text up to this place"
        raise Unreadable("this is not YAML", hint=hint, position=_position(loader)) from error


def _unreadable(error: MarkedYAMLError, reached: _MarkLike) -> Unreadable:
    problem = str(error.problem or error.context or "it cannot be understood")
    context = f" ({error.context})" if error.problem and error.context else ""
    mark: _MarkLike = error.problem_mark or error.context_mark or reached
    hint = next((hint for words, hint in _HINTS.items() if words in problem), None)
    return Unreadable(f"this is not YAML: {problem}{context}", hint=hint, position=_position(mark))


def _position(mark: _MarkLike) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1
