"""The one door for documents that arrive as text, YAML 1.2 or JSON."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from pgworker.dsl.builder import Builder
from pgworker.dsl.document import Document
from pgworker.dsl.json_reader import check_json, looks_like_json, read_json
from pgworker.dsl.parts import End, Part, Scalar, Start, position_at
from pgworker.dsl.refusals import Unreadable, empty_document, problem_of
from pgworker.dsl.yaml_reader import read_yaml
from pgworker.errors import DocumentError
from pgworker.types import JsonValue

MAX_BYTES = 1024 * 1024


def load(text: str | bytes, source: str | None = None, *, keys_are_text: bool = False) -> Document:
    """Read a definition from YAML 1.2 (core schema) or JSON; ``source`` names the file in messages.

    Raises ``DocumentError`` for everything that is not one mapping of plain JSON values within 1 MiB, 64
    levels and 100,000 values (each use of an alias counted in full, at most 100 uses). A definition's keys
    have to be text; in documents that others write, ``keys_are_text`` takes ``200:`` as the key "200".

    >>> load("on: 12:30\\nno: [014, 0o14, 1_000]").value
    {'on': '12:30', 'no': [14, 12, '1_000']}
    """
    builder = Builder(keys_are_text=keys_are_text)
    try:
        for part in _parts(_decoded(text)):
            builder.take(part)
        if not builder.problems and (builder.root is None or builder.marks is None):
            raise empty_document()
    except Unreadable as refusal:
        builder.problems.append(problem_of(refusal, builder.pointer(), None))
    if builder.problems or builder.root is None:
        raise DocumentError(builder.problems, source=source)
    return Document(builder.root, source, builder.marks)


def load_value(text: str, source: str | None = None) -> JsonValue:
    """Read any value, not only a mapping, by the same rules; nothing but space and comments is null.

    >>> load_value("[red, 1]"), load_value("# none")
    (['red', 1], None)
    """
    # The builder knows mappings only, and for good reason: it is given one whose only member is the value.
    builder = Builder()
    try:
        decoded = _decoded(text)
        for part in chain((Start(True, 1, 1), Scalar("", False, 1, 1)), _parts(decoded), (End(1, 1),)):
            builder.take(part)
    except Unreadable as refusal:
        builder.problems.append(problem_of(refusal, builder.pointer(), None))
    if builder.problems or builder.root is None:
        problems = [replace(one, pointer=one.pointer.removeprefix("/")) for one in builder.problems]
        raise DocumentError(problems, source=source)
    return builder.root.get("")


def _decoded(text: str | bytes) -> str:
    """The text without its byte order mark."""
    if len(text) > MAX_BYTES:
        raise _too_large()
    decoded = _from_bytes(text) if isinstance(text, bytes) else text
    try:
        size = len(decoded.encode())
    except UnicodeEncodeError as error:
        raise Unreadable(
            "the text contains half of a surrogate pair, which is no character",
            hint="remove it",
            position=position_at(decoded, error.start),
        ) from None
    if size > MAX_BYTES:
        raise _too_large()
    return decoded.removeprefix("\ufeff")


def _from_bytes(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        is_utf16 = text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise Unreadable(
            f"the text is {'UTF-16' if is_utf16 else 'not valid UTF-8'}",
            expected="UTF-8",
            hint="save the file as UTF-8",
            position=position_at(text[: error.start].decode(), error.start),
        ) from None


def _too_large() -> Unreadable:
    return Unreadable(
        "the document is larger than 1 MiB",
        hint="move parts of it into definitions of their own, and data into the workflow's input",
        position=(1, 1),
    )


def _parts(text: str) -> Iterator[Part]:
    """JSON is read as such; all else is YAML, as is JSON with comments or commas at the end."""
    if not looks_like_json(text):
        yield from read_yaml(text)
        return
    try:
        check_json(text)
    except Unreadable as not_json:
        yield from _yaml_or(not_json, text)
    else:
        yield from read_json(text)


def _yaml_or(not_json: Unreadable, text: str) -> Iterator[Part]:
    """What cannot be read as YAML either was meant to be JSON, so its mistake is JSON's."""
    try:
        yield from read_yaml(text)
    except Unreadable:
        raise not_json from None
