"""``listen``: which CloudEvents, when it is enough, and what is done with each."""

from __future__ import annotations

import re

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.dataflow import read_stage
from pgworker.dsl.v1_0.expressions import read_expression, read_template, read_variable
from pgworker.dsl.v1_0.names import ListReader, Names
from pgworker.errors import Rule
from pgworker.expressions.templates import Expression, Literal, Template
from pgworker.plan.listening import (
    MAX_ATTRIBUTE_BYTES,
    EventFilter,
    Key,
    Mode,
    Pattern,
    Read,
    Strategy,
    Test,
)
from pgworker.plan.nodes import DataFlow, Foreach, ListenNode

_MODES = tuple(mode.value for mode in Mode)
_TEXTS = ("id", "source", "type", "time", "subject", "datacontenttype", "dataschema")
_META = re.compile(r"[\\^$*+?()\[\]{}|]")
"""What makes a text a regular expression. A dot alone does not: the names of types are full of them."""


def read_listen(piece: Piece, base: Base, names: Names, read_list: ListReader) -> ListenNode | None:
    """A listen and, if there is one, its ``foreach``."""
    listen = piece.member("listen")
    if listen.object() is None or not listen.require(["to"], "`listen`"):
        return None
    listen.allow({"to", "read"}, "`listen`")
    strategy = read_strategy(listen.member("to"), names)
    read = read_mode_of_reading(listen)
    foreach = None
    if piece.has("foreach"):
        foreach = read_foreach(piece.member("foreach"), names, read_list)
        if foreach is None:
            return None
    return None if strategy is None else ListenNode(**base, strategy=strategy, read=read, foreach=foreach)


def read_mode_of_reading(piece: Piece) -> Read:
    """The member ``read``."""
    if not piece.has("read"):
        return Read.DATA
    choice = piece.member("read").choice([read.value for read in Read])
    return Read.DATA if choice is None else Read(choice)


def read_strategy(piece: Piece, names: Names, *, may_end: bool = True) -> Strategy | None:
    """An event consumption strategy ("Event Consumption Strategy" in the DSL reference)."""
    definition = piece.object()
    if definition is None:
        return None
    modes = [mode for mode in _MODES if mode in definition]
    if len(modes) != 1:
        piece.report(
            f"found {len(modes) or 'none'} of `one`, `any` and `all`", expected="exactly one of them"
        )
        return None
    mode = Mode(modes[0])
    piece.allow({mode.value, "until"} if mode is Mode.ANY and may_end else {mode.value}, "this strategy")
    member = piece.member(mode.value)
    pieces = [member] if mode is Mode.ONE else list(member.items())
    filters = [_read_filter(filter_, names) for filter_ in pieces]
    if mode is Mode.ANY and not filters and member.value == []:
        filters = [EventFilter()]  # every CloudEvent
    until = None
    if mode is Mode.ANY and may_end and piece.has("until"):
        until = _read_until(piece.member("until"), names)
    return Strategy(mode, tuple(filter_ for filter_ in filters if filter_ is not None), until)


def _read_until(piece: Piece, names: Names) -> Expression | Strategy | None:
    if isinstance(piece.value, str):
        return read_expression(piece, names.variables)
    return read_strategy(piece, names, may_end=False)


def _read_filter(piece: Piece, names: Names) -> EventFilter | None:
    if piece.object() is None or not piece.require(["with"], "the filter"):
        return None
    piece.allow({"with", "correlate"}, "an event filter")
    attributes = piece.member("with")
    if attributes.object() is None:
        return None
    if not attributes.value:
        attributes.report("the filter says nothing", expected="at least one attribute")
    tests: list[tuple[str, Test]] = []
    for name in attributes.object() or {}:
        test = _read_test(name, attributes.member(name), names)
        if test is not None:
            tests.append((name, test))
    keys = _read_keys(piece.member("correlate"), names) if piece.has("correlate") else ()
    # what is cheap and says most comes first, expressions last
    return EventFilter(tuple(sorted(tests, key=lambda item: _cost(*item))), keys)


def _cost(name: str, test: Test) -> tuple[int, str]:
    return (0 if isinstance(test, Literal) else 1 if isinstance(test, Pattern) else 2), name


def _read_test(name: str, piece: Piece, names: Names) -> Test | None:
    if name in _TEXTS and not isinstance(piece.value, str):
        piece.report(
            f"found {kind_of(piece.value)}", expected="a text, a regular expression or an expression"
        )
        return None
    template = read_template(piece, names.variables)
    if not isinstance(template, Literal) or not isinstance(template.value, str):
        return template
    if name == "data":
        return template
    if len(template.value.encode()) > MAX_ATTRIBUTE_BYTES:
        piece.report(f"the {name} takes more than {MAX_ATTRIBUTE_BYTES} bytes", rule=Rule.STORABLE)
        return None
    return _read_pattern(template, template.value, piece) if _META.search(template.value) else template


def _read_pattern(literal: Literal, text: str, piece: Piece) -> Test | None:
    """A regular expression; what is none is meant as it is written."""
    try:
        return Pattern(text)
    except ValueError:
        if not _is_regular(text):
            return literal
    piece.report(
        "this regular expression cannot be run",
        expected="one without look-arounds and back-references",
        hint='write a condition: `${ test("...") }`',
        rule=Rule.EXPRESSION,
    )
    return None


def _is_regular(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _read_keys(piece: Piece, names: Names) -> tuple[Key, ...]:
    keys: list[Key] = []
    for name in piece.object() or {}:
        member = piece.member(name)
        if member.object() is None or not member.require(["from"], "the correlation"):
            continue
        member.allow({"from", "expect"}, "a correlation")
        source = read_expression(member.member("from"), names.variables)
        expect: Template | None = None
        if member.has("expect") and member.member("expect").text() is not None:
            expect = read_template(member.member("expect"), names.variables)
        if source is not None:
            keys.append(Key(name, source, expect))
    return tuple(keys)


def read_foreach(piece: Piece, names: Names, read_list: ListReader) -> Foreach | None:
    """What is done with each item ("Subscription Iterator" in the DSL reference)."""
    if piece.object() is None:
        return None
    piece.allow({"item", "at", "do", "output", "export"}, "`foreach`")
    each = read_variable(piece.member("item")) if piece.has("item") else "item"
    at = read_variable(piece.member("at")) if piece.has("at") else "index"
    if each is None or at is None:
        return None
    if each == at:
        twice = piece.member("item" if piece.has("item") else "at")
        twice.report(
            f"the item and its index are both named `{each}`", hint="rename one of them", rule=Rule.UNIQUE
        )
        return None
    inside = names.within(each, at)
    output_schema, output_as = read_stage(piece, "output", "as", inside)
    export_schema, export_as = read_stage(piece, "export", "as", inside)
    flow = DataFlow(
        output_as=output_as, output_schema=output_schema, export_as=export_as, export_schema=export_schema
    )
    return Foreach(each, at, read_list(piece.member("do"), inside) if piece.has("do") else None, flow)
