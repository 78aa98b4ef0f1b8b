"""Cases: what an official example is given, what happens meanwhile, and what has to come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from pgworker.types import JsonObject, JsonValue
from tests.conformance.official.services import Answer, Answers, Asked
from tests.support.containers.engine import Left


@dataclass(frozen=True, slots=True)
class Publish:
    """A CloudEvent is published."""

    type: str
    data: JsonValue = None
    source: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class HasConsumed:
    """The workflow comes to have consumed so many CloudEvents, and still waits for more."""

    count: int


@dataclass(frozen=True, slots=True)
class HasAsked:
    """So many requests come to have been made."""

    count: int


@dataclass(frozen=True, slots=True)
class HasRecorded:
    """An event of this type comes to be in the history."""

    type: str


@dataclass(frozen=True, slots=True)
class Release:
    """The services give the answers that are held by this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Elapses:
    """The workflow waits for a timer, which has to be due this long after it was set; then that is now.

    One that is due ``since_start`` counts from the beginning of the workflow.
    """

    time: timedelta
    since_start: bool = False


@dataclass(frozen=True, slots=True)
class MidnightComes:
    """The schedule waits for the next midnight, in UTC; then that is now."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody cancels the workflow."""


Happening: TypeAlias = (
    Publish | HasConsumed | HasAsked | HasRecorded | Release | Elapses | MidnightComes | Cancel
)


@dataclass(frozen=True, slots=True)
class Completes:
    """The workflow completes with exactly this output."""

    output: JsonValue


@dataclass(frozen=True, slots=True)
class Fails:
    """The workflow fails with an error that has these members, and maybe others."""

    error: JsonObject


@dataclass(frozen=True, slots=True)
class IsCancelled:
    """The workflow was cancelled: it would never have ended."""


Ending: TypeAlias = Completes | Fails | IsCancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run of an example.

    A case that ``is_scheduled`` is not started by the test: the document's own schedule has to, once, with
    the ``input``.
    """

    example: str
    what: str
    ends: Ending
    input: JsonValue = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    resources: Sequence[str] = ()
    """What is fetched before the calls are made, or was fetched for an earlier case."""
    asked: Sequence[Asked] = ()
    asks_at_once: bool = False
    """Whether the requests are made side by side, so that any order will do."""
    secrets: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the worker has as secrets, by their names."""
    children: Sequence[JsonObject] = ()
    """Definitions of workflows that the example runs."""
    happens: Sequence[Happening] = ()
    is_scheduled: bool = False
    consumes: Sequence[JsonValue] = ()
    """The data of the CloudEvents that the workflow has to consume, in their order."""
    emits: Sequence[JsonObject] = ()
    """The CloudEvents that the workflow has to publish: their source, type and data."""

    images: Sequence[str] = ()
    """The images that the container engine has."""
    pulls: Sequence[str] = ()
    """The images that it has to pull."""
    leaves: Sequence[Left] = ()
    """The containers that have to be left."""
    needs: str | None = None
    """The program without which this cannot be tried."""

    def __str__(self) -> str:
        return f"{self.example}: {self.what}"


def fails(kind: str, status: int, instance: str | None = None) -> Fails:
    """An ending with a standard error, at this task if it is one's."""
    type_ = f"https://serverlessworkflow.io/spec/1.0.0/errors/{kind}"
    error: JsonObject = {"type": type_, "status": status}
    return Fails(error if instance is None else error | {"instance": instance})


def says(content: JsonValue, held: str | None = None) -> Answer:
    """An answer with this content."""
    return Answer(content, held=held)


def refuses(status: int) -> Answer:
    """An answer that says no."""
    return Answer({"message": "no"}, status)


def moved(to: str) -> Answer:
    """An answer that sends the caller elsewhere."""
    return Answer(None, 302, {"Location": to})


def get(uri: str, **headers: str) -> Asked:
    """A request without a body; the headers are those that it has to have."""
    return Asked("GET", uri, None, {name.lower().replace("_", "-"): value for name, value in headers.items()})


def sends(method: str, uri: str, body: JsonValue = None) -> Asked:
    """A request with a body, in JSON, if it is given one."""
    return Asked(method, uri, body, {} if body is None else {"content-type": "application/json"})


def form(uri: str, **members: str) -> Asked:
    """A request with a form."""
    return Asked("POST", uri, {**members}, {"content-type": "application/x-www-form-urlencoded"})


def definition(name: str, do: Sequence[JsonObject], namespace: str) -> JsonObject:
    """A definition that an example runs."""
    header: Mapping[str, JsonValue] = {
        "dsl": "1.0.3",
        "namespace": namespace,
        "name": name,
        "version": "0.1.0",
    }
    return {"document": dict(header), "do": list(do)}
