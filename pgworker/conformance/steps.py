"""Steps: what the phrases of the kit mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pgworker.conformance.features import DocString, WrittenStep
from pgworker.dsl.load import load, load_value
from pgworker.errors import DocumentError, Unmet, ValueRefused
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

Status: TypeAlias = Literal["COMPLETED", "FAILED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class Define:
    """This is the workflow."""

    definition: JsonObject


@dataclass(frozen=True, slots=True)
class GiveInput:
    """This is its input."""

    input: JsonValue


@dataclass(frozen=True, slots=True)
class Execute:
    """The workflow is started, and waited for."""


@dataclass(frozen=True, slots=True)
class Ends:
    """A task, or the workflow if none is named, has ended this way."""

    task: str | None
    status: Status


@dataclass(frozen=True, slots=True)
class CompletesWith:
    """A task, or the workflow, has completed with exactly this output."""

    task: str | None
    output: JsonValue


@dataclass(frozen=True, slots=True)
class FaultsWith:
    """A task, or the workflow, has faulted with an error that has these members, and maybe others."""

    task: str | None
    error: JsonObject


@dataclass(frozen=True, slots=True)
class OutputHas:
    """The workflow has completed, and these paths lead somewhere in its output."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputHasValue:
    """The workflow has completed, and this path leads to exactly this value."""

    path: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class OutputHasItems:
    """The workflow has completed, and this path leads to an array of this many items."""

    path: str
    count: int


@dataclass(frozen=True, slots=True)
class RunsFirst:
    """No task began before this one."""

    task: str


@dataclass(frozen=True, slots=True)
class RunsLast:
    """No task began after this one."""

    task: str


@dataclass(frozen=True, slots=True)
class RunsBefore:
    """The earlier task had ended, or at least begun if it contains the other, when the later one began."""

    earlier: str
    later: str


Check: TypeAlias = (
    Ends
    | CompletesWith
    | FaultsWith
    | OutputHas
    | OutputHasValue
    | OutputHasItems
    | RunsFirst
    | RunsLast
    | RunsBefore
)
Step: TypeAlias = Define | GiveInput | Execute | Check

_SUBJECT = r"(?:the workflow|(?P<task>.+))"
_STATUS: Final[Mapping[str, Status]] = {"cancel": "CANCELLED", "complete": "COMPLETED", "fault": "FAILED"}

_BARE: Final[Mapping[str, Callable[[re.Match[str]], Step]]] = {
    "the workflow is executed": lambda found: Execute(),
    "the workflow output should have propert(?:y|ies) (?P<paths>'[^']+'(?:, *'[^']+')*)": lambda found: (
        OutputHas(tuple(re.findall("'([^']+)'", found["paths"])))
    ),
    "the workflow output should have an? '(?P<path>[^']+)' property containing (?P<count>[0-9]+) items?": (
        lambda found: OutputHasItems(found["path"], int(found["count"]))
    ),
    "(?P<task>.+) should run first": lambda found: RunsFirst(found["task"]),
    "(?P<task>.+) should run last": lambda found: RunsLast(found["task"]),
    "(?P<earlier>.+) should run before (?P<later>.+)": lambda found: RunsBefore(
        found["earlier"], found["later"]
    ),
    "(?P<later>.+) should run after (?P<earlier>.+)": lambda found: RunsBefore(
        found["earlier"], found["later"]
    ),
    f"{_SUBJECT} should (?P<end>cancel|complete|fault)": lambda found: Ends(
        found["task"], _STATUS[found["end"]]
    ),
}
"""Phrases that say everything themselves."""

_WITH_DOC: Final[Mapping[str, Callable[[re.Match[str], DocString], Step]]] = {
    "a workflow with definition:": lambda found, doc: Define(_definition(doc)),
    "the workflow input is:": lambda found, doc: GiveInput(_value(doc)),
    "the workflow output should have an? '(?P<path>[^']+)' property with value:": lambda found, doc: (
        OutputHasValue(found["path"], _value(doc))
    ),
    f"{_SUBJECT} should complete with output:": lambda found, doc: CompletesWith(found["task"], _value(doc)),
    f"{_SUBJECT} should fault with error:": lambda found, doc: FaultsWith(found["task"], _error(doc)),
}
"""Phrases that a doc string completes."""

_MEDIA_TYPES = frozenset({None, "yaml", "yml", "json", "application/yaml", "application/json"})


def understood(written: WrittenStep) -> Step:
    """What a written step means; raises ``Unmet`` for one that the kit does not know.

    >>> understood(WrittenStep("greet should run first", line=1))
    RunsFirst(task='greet')
    """
    # "And given the workflow input is:" is how the kit goes on after a Given.
    phrase = re.sub("^(?:given|when|then) +", "", written.text.strip(), flags=re.IGNORECASE)
    if written.has_table:
        raise Unmet(f"`{phrase}` has a table, and no step of the kit takes one")
    for pattern, reading in _WITH_DOC.items():
        if found := re.fullmatch(pattern, phrase):
            if written.doc is None:
                raise Unmet(f"`{phrase}` needs a doc string below it")
            return reading(found, written.doc)
    for pattern, plain_reading in _BARE.items():
        if found := re.fullmatch(pattern, phrase):
            if written.doc is not None:
                raise Unmet(f"`{phrase}` has a doc string, and takes none")
            return plain_reading(found)
    raise Unmet(f"`{phrase}` is no step of the kit")


def _definition(doc: DocString) -> JsonObject:
    _check_media_type(doc)
    try:
        return load(doc.text).value
    except DocumentError as error:
        raise Unmet(f"the definition cannot be read: {error.message}") from error


def _value(doc: DocString) -> JsonValue:
    _check_media_type(doc)
    try:
        return canonical(load_value(doc.text))
    except (DocumentError, ValueRefused) as error:
        raise Unmet(f"the doc string cannot be read: {error.message}") from error


def _error(doc: DocString) -> JsonObject:
    value = _value(doc)
    if not isinstance(value, dict) or not value:
        raise Unmet("the expected error is no mapping with members such as type and status")
    return value


def _check_media_type(doc: DocString) -> None:
    if doc.media_type not in _MEDIA_TYPES:
        raise Unmet(f"the doc string is `{doc.media_type}`: the kit reads yaml and json")
