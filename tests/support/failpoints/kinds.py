"""Kinds of work: the workflows that a trial runs, what the world does meanwhile, and how all must end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from psycopg.types.json import Jsonb
from ruamel.yaml import YAML

SCHEDULED: Final = "scheduled"
"""Definitions of this name come and go with their trials."""

AT_ONCE: Final = "select true"
LISTENING: Final = "select exists (select from events where type = 'listen.started')"
RECEIVED: Final = "select exists (select from consumptions)"
PERFORMING: Final = "select exists (select from audit.leases)"
CHILD_RUNS: Final = (
    "select exists (select from workflows where parent_id is not null and started_at is not null)"
)
"""Conditions that stay true once they are: who looks now and then may come late."""

_MACRO = re.compile(r"<(nap|ask)((?: [^<> ]+)*)>")
_NAP = "wait: {milliseconds: 15}"
_ASK = (
    "call: http, with: {{method: post, endpoint: 'STUB{path}', headers: {{X-Activity: '{activity}'}}}},"
    " output: {{as: '{{asked: (.count > 0)}}'}}"
)


@dataclass(frozen=True, slots=True)
class End:
    """How workflows end: with an output, or an error of a status; ``times`` is None for three or more."""

    status: str
    value: object
    times: int | None = 1


def completed(output: object, times: int | None = 1) -> End:
    """They complete with this output."""
    return End("COMPLETED", output, times)


def failed(status: int) -> End:
    """One fails with an error of this status."""
    return End("FAILED", status)


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

    ``documents`` are their definitions by name, ``starts`` the names of those that are started, ``ends`` how
    all workflows of a name end, ``broken`` the same where an activity fails that would not have failed: None
    if that is not to be tried. ``tells`` happen one after the other. ``prelude`` is a condition: up to there
    another worker goes first. ``stops`` is true where the worker ends by itself. ``settings`` are those of
    the workers. ``about`` names the points for whose sake there is the kind, if it is only for those.
    """

    name: str
    documents: Mapping[str, str]
    ends: Mapping[str, End]
    starts: Sequence[str] = ()
    broken: Mapping[str, End] | None = None
    tells: Sequence[Tell] = ()
    prelude: str | None = None
    stops: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    about: Sequence[str] = ()

    def beside(self, text: str, end: End, suffix: str = "child") -> Kind:
        """The same with one more definition, whose workflows somebody starts: NAME-child."""
        name = f"{next(iter(self.documents))}-{suffix}"
        return replace(self, documents={**self.documents, name: text}, ends={**self.ends, name: end})


def alone(name: str, text: str, end: End, **more: Any) -> Kind:
    """A kind of one workflow, which fails if an activity breaks, unless told otherwise."""
    key = name.replace(" ", "-")
    return Kind(name, {key: text}, {key: end}, **({"starts": [key], "broken": {key: failed(500)}} | more))


def definition(name: str, text: str, url: str = "", version: str = "1.0.0") -> dict[str, Any]:
    """A document: its header, and what a YAML text says. ``url`` is where the stub is.

    In the text ``<nap>`` stands for a short wait, ``<ask NAME>`` for a call of the stub, which knows it by
    its name, and ``<ask NAME PATH VARIABLE>`` for one of another path, made once for each value of a
    variable.
    """
    header = {"dsl": "1.0.3", "namespace": "default", "name": name, "version": version}
    text = _MACRO.sub(lambda found: _NAP if found[1] == "nap" else _ask(*found[2].split()), text)
    return {"document": header, **YAML(typ="safe").load(text.replace("STUB", url))}


def _ask(name: str, path: str = "/count", variable: str | None = None) -> str:
    each = "" if variable is None else f' + "/" + ({variable} | tostring)'
    return _ASK.format(path=path, activity=f'${{ $workflow.id + "/{name}"{each} }}')


def publish(when: str, type_: str, data: object) -> Tell:
    """A CloudEvent that somebody publishes."""
    return Tell(when, "select publish_event(type => %s, data => %s)", [type_, Jsonb(data)])


def define(when: str, text: str, version: str = "1.0.0") -> Tell:
    """A version of the scheduled definition."""
    return Tell(when, "select define_workflow(%s)", [Jsonb(definition(SCHEDULED, text, version=version))])
