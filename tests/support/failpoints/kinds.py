"""Kinds of work: the workflows that a cell runs, what the world does meanwhile, and how all must end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg.types.json import Jsonb
from ruamel.yaml import YAML

SCHEDULED = "scheduled"
"""Definitions of this name come and go with their cells."""


@dataclass(frozen=True, slots=True)
class End:
    """How workflows end: with an output, or an error of a status; ``times`` is None for three or more."""

    status: str
    value: object
    times: int | None = 1


def completed(output: object, times: int | None = 1) -> End:
    """They complete with this output."""
    return End("COMPLETED", output, times)


def failed(status: int, times: int | None = 1) -> End:
    """They fail with an error of this status."""
    return End("FAILED", status, times)


def cancelled() -> End:
    """One is cancelled."""
    return End("CANCELLED", 499)


@dataclass(frozen=True, slots=True)
class Tell:
    """What the world does once a condition (a query) is true; ``stops`` tells the worker to end itself."""

    when: str
    statement: str = ""
    parameters: Sequence[Any] = ()
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """Some workflows that belong together.

    ``documents`` are their definitions by name, ``starts`` what is started with which input, ``ends`` how all
    workflows of a name end, ``broken`` the same where an activity fails once that would not have failed.
    ``prelude`` is a condition: up to there another worker goes first. ``settings`` are the workers'.
    """

    name: str
    documents: Mapping[str, str]
    ends: Mapping[str, End]
    starts: Sequence[tuple[str, object]] = ()
    tells: Sequence[Tell] = ()
    broken: Mapping[str, End] | None = None
    prelude: str | None = None
    stops: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)

    def beside(self, name: str, text: str, end: End) -> Kind:
        """The same with one more definition, whose workflows somebody starts."""
        return replace(self, documents={**self.documents, name: text}, ends={**self.ends, name: end})

    def breaking(self, ends: Mapping[str, End] | None) -> Kind:
        """The same, ending so where an activity breaks; None if that is not to be tried."""
        return replace(self, broken=ends)


def alone(name: str, text: str, end: End, **more: Any) -> Kind:
    """A kind of one workflow, which starts without input; an activity that breaks fails it."""
    given = {"starts": [(name, {})], "broken": {name: failed(500)}} | more
    return Kind(name.replace("-", " "), {name: text}, {name: end}, **given)


def definition(name: str, text: str, version: str = "1.0.0") -> dict[str, Any]:
    """A document: its header, and what a YAML text says."""
    header = {"dsl": "1.0.3", "namespace": "default", "name": name, "version": version}
    return {"document": header, **YAML(typ="safe").load(text)}


def ask(name: str, path: str = "/count", more: str = "", unique: str = "") -> str:
    """A call of the stub, in YAML's flow style; an activity that runs again and again tells which it is."""
    activity = f'${{ $workflow.id + "/{name}"{unique} }}'
    return (
        f"{{call: http, with: {{method: post, endpoint: 'STUB{path}', headers: {{X-Activity: '{activity}'}}}},"
        f" output: {{as: '{{asked: (.count > 0)}}'}}{more}}}"
    )


def publish(when: str, type_: str, data: object) -> Tell:
    """A CloudEvent that somebody publishes."""
    return Tell(when, "select publish_event(type => %s, data => %s)", [type_, Jsonb(data)])


def define(when: str, text: str, version: str = "1.0.0") -> Tell:
    """A version of the scheduled definition."""
    return Tell(when, "select define_workflow(%s)", [Jsonb(definition(SCHEDULED, text, version))])


AT_ONCE = "select true"
LISTENING = "select exists (select from subscriptions)"
PERFORMING = "select exists (select from jobs where lease_token is not null)"
