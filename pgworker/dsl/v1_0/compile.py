"""A whole DSL 1.0 document, compiled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.authentication import read_authentications
from pgworker.dsl.v1_0.dataflow import read_dataflow
from pgworker.dsl.v1_0.durations import read_limit, read_timeout
from pgworker.dsl.v1_0.expressions import LOOSE
from pgworker.dsl.v1_0.extensions import read_extensions
from pgworker.dsl.v1_0.functions import Functions, read_catalogs
from pgworker.dsl.v1_0.names import Names, Wanted
from pgworker.dsl.v1_0.raising import read_errors
from pgworker.dsl.v1_0.retries import read_policies
from pgworker.dsl.v1_0.schedules import read_schedule
from pgworker.dsl.v1_0.secrets import read_secrets
from pgworker.dsl.v1_0.tasks import read_task, read_task_list
from pgworker.errors import Problem
from pgworker.plan.nodes import Plan, Time
from pgworker.types import JsonObject, JsonValue, child_pointer

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")

_ROOT = frozenset({"document", "input", "use", "do", "timeout", "output", "schedule", "evaluate"})
_USE = frozenset(
    {"authentications", "catalogs", "errors", "extensions", "functions", "retries", "secrets", "timeouts"}
)
_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = rf"(?:{_NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)


def compile_1_0(
    definition: JsonObject,
    problems: list[Problem],
    warnings: list[Problem],
    resources: Mapping[str, JsonValue],
    wanted: dict[str, Wanted],
) -> Plan | None:
    """The plan of a DSL 1.0 document; None if ``problems`` got any.

    ``resources`` is what was loaded from outside, by address; ``wanted`` gets what is not among it.
    """
    root = Piece(definition, "", problems)
    for key in definition:
        if key not in _ROOT:
            Piece(None, child_pointer("", key), warnings).report(
                f"a workflow has no `{key}`: it means nothing here"
            )
    root.require(["document", "do"], "the workflow")
    identity = _read_identity(root.member("document")) if root.has("document") else None
    loose = _is_loose(root.member("evaluate")) if root.has("evaluate") else False
    names = Names(resources=resources, wanted=wanted, variables=frozenset({LOOSE}) if loose else frozenset())
    if root.has("use"):
        names = _read_use(root.member("use"), names)
    timeout = read_timeout(root.member("timeout"), names) if root.has("timeout") else None
    flow = read_dataflow(root, names)
    schedule = read_schedule(root.member("schedule"), names) if root.has("schedule") else None
    if not root.has("do"):
        return None
    body = read_task_list(root.member("do"), names)
    if problems or identity is None:
        return None
    nodes = {node.reference: node for tasks in names.lists.values() for node in tasks.tasks.values()}
    return Plan(
        namespace=identity[0],
        name=identity[1],
        version=identity[2],
        definition=definition,
        body=body,
        flow=flow,
        timeout=timeout,
        lists=MappingProxyType(names.lists),
        nodes=MappingProxyType(nodes),
        schedule=schedule,
        secrets=names.secrets,
    )


def _read_identity(piece: Piece) -> tuple[str, str, str] | None:
    """Namespace, name and version."""
    if piece.object() is None:
        return None
    piece.allow({"dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"}, "`document`")
    if not piece.require(["dsl", "namespace", "name", "version"], "`document`"):
        return None
    piece.member("dsl").choice(VERSIONS)
    for key in ("title", "summary"):
        if piece.has(key):
            piece.member(key).text()
    for key in ("tags", "metadata"):
        if piece.has(key):
            piece.member(key).object()
    namespace = _matching(piece.member("namespace"), _NAME, "letters, digits and dashes, 63 at most")
    name = _matching(piece.member("name"), _NAME, "letters, digits and dashes, 63 at most")
    version = _matching(piece.member("version"), _VERSION, "a semantic version such as 1.0.0")
    if namespace is None or name is None or version is None:
        return None
    return namespace, name, version


def _matching(piece: Piece, pattern: re.Pattern[str], expected: str) -> str | None:
    text = piece.text()
    if text is None or pattern.fullmatch(text):
        return text
    piece.report(f"found {kind_of(text)}", expected=expected)
    return None


def _read_use(piece: Piece, names: Names) -> Names:
    """The reusable components. Those come first that others name."""
    if piece.object() is None:
        return names
    piece.allow(_USE, "`use`")
    names = replace(names, secrets=read_secrets(piece))
    names = replace(
        names,
        authentications=read_authentications(piece, names),
        errors=read_errors(piece, names.variables),
        # what a policy may name: the error, under the name that a catch gives it by default
        retries=read_policies(piece, names.within("error")),
        timeouts=_read_timeouts(piece, names.variables),
    )
    if piece.has("catalogs"):
        names = replace(names, catalogs=dict(read_catalogs(piece.member("catalogs"), names)))
    functions = Functions(piece.member("functions"), names) if piece.has("functions") else None
    if piece.has("extensions"):
        names = read_extensions(piece.member("extensions"), names, read_task_list)
    if functions is not None:
        functions.compile(names, read_task)
    return names


def _read_timeouts(use: Piece, variables: frozenset[str]) -> MappingProxyType[str, Time | None]:
    piece = use.member("timeouts")
    if not use.has("timeouts") or piece.object() is None:
        return MappingProxyType({})
    return MappingProxyType(
        {name: read_limit(piece.member(name), variables) for name in piece.object() or {}}
    )


def _is_loose(evaluate: Piece) -> bool:
    """How expressions are told from texts ("Evaluate" in the DSL reference)."""
    if evaluate.object() is None:
        return False
    evaluate.allow({"language", "mode"}, "`evaluate`")
    if evaluate.has("language"):
        evaluate.member("language").choice(["jq"])
    return evaluate.has("mode") and evaluate.member("mode").choice(["strict", "loose"]) == "loose"
