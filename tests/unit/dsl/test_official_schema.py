"""Calls, processes and authentication policies: the language's official schema and the compiler agree.

Well-made documents are changed in one place at a time, some thousand times: a member left out, a member that
nobody knows, a value of another kind, two alternatives at once. What one refuses the other has to refuse too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.types import JsonObject, JsonValue
from tests.support.calls import CALLS, POLICIES, PROCESSES, call, document, http_with
from tests.support.pure import problems_of

SCHEMA = Path(__file__).resolve().parents[4] / "shared" / "spec" / "schema" / "workflow.yaml"

OTHERS: list[JsonValue] = [None, True, 7, -1, "", "text", "${ .a }", [], [1], ["a"], {}, {"a": 1}, {"a": "b"}]

STRICTER_ON_PURPOSE = (
    "is not a jq program",  # the schema knows nothing of expressions,
    "is not defined",
    "the expression is empty",
    "no authentication is named",  # nor which names exist,
    "cannot be the name of a variable",  # nor how a variable is spelled,
    "is negative",  # nor that no time is negative
)
LAXER_ON_PURPOSE = (
    "consume",  # wholly expressions may be written without ${ },
    "filter",
    "seconds becomes '${ .a }'",  # and parts of a duration may be expressions
    "minutes becomes '${ .a }'",
)


needs_schema = pytest.mark.skipif(
    not SCHEMA.is_file(), reason="the official schema is not beside the checkout"
)


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(load(SCHEMA.read_bytes()).value)


def places(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of everything below a value, and its own."""
    yield path
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def at(value: JsonValue, path: tuple[str | int, ...]) -> JsonValue:
    for key in path:
        value = value[key]
    return value


def mutants(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """The value, and what it becomes by each small change."""
    yield "as it is", value
    for path in places(value):
        name = "/".join(map(str, path))
        for other in OTHERS:
            yield f"{name} becomes {other!r}", replaced(value, path, other)
        if isinstance(at(value, path), dict):
            yield f"{name} has an unknown member", replaced(value, (*path, "frobnicate"), 1)
            yield f"{name} also names something", replaced(value, (*path, "use"), "basics")
        if path and isinstance(path[-1], str):
            yield f"{name} is left out", without(value, path)


def replaced(value: JsonValue, path: tuple[str | int, ...], other: JsonValue) -> JsonValue:
    if not path:
        return other
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = other
    return changed


def without(value: JsonValue, path: tuple[str | int, ...]) -> JsonValue:
    changed = copy.deepcopy(value)
    del at(changed, path[:-1])[path[-1]]
    return changed


def verdicts(
    official: jsonschema_rs.Draft202012Validator, changed: Iterator[tuple[str, JsonObject]]
) -> Iterator[tuple[str, str]]:
    """Where schema and compiler disagree, and how."""
    for name, one in changed:
        problems = [p for p in problems_of(Document.from_value(one)) if "cannot be run" not in p.message]
        if any(words in p.message for p in problems for words in STRICTER_ON_PURPOSE):
            continue
        if not problems and any(words in name for words in LAXER_ON_PURPOSE):
            continue
        if official.is_valid(one) != (not problems):
            said = "; ".join(f"{p.pointer}: {p.message}" for p in problems) or "fine"
            yield name, f"the compiler says {said}"


@needs_schema
@pytest.mark.parametrize("name", CALLS)
def test_the_arguments_of_a_call(official: jsonschema_rs.Draft202012Validator, name: str) -> None:
    protocol, arguments = CALLS[name]
    changed = ((what, call(protocol, mutant)) for what, mutant in mutants(arguments))
    assert list(verdicts(official, changed)) == []


@needs_schema
@pytest.mark.parametrize("name", PROCESSES)
def test_processes(official: jsonschema_rs.Draft202012Validator, name: str) -> None:
    changed = ((what, document({"run": mutant})) for what, mutant in mutants(PROCESSES[name]))
    assert list(verdicts(official, changed)) == []


@needs_schema
@pytest.mark.parametrize("name", POLICIES)
def test_policies_of_an_endpoint(official: jsonschema_rs.Draft202012Validator, name: str) -> None:
    changed = ((what, http_with(mutant)) for what, mutant in mutants(POLICIES[name]))
    assert list(verdicts(official, changed)) == []


@needs_schema
@pytest.mark.parametrize("name", POLICIES)
def test_reusable_policies(official: jsonschema_rs.Draft202012Validator, name: str) -> None:
    changed = (
        (what, document({"set": {"a": 1}}, {"other": mutant})) for what, mutant in mutants(POLICIES[name])
    )
    assert list(verdicts(official, changed)) == []


@needs_schema
@pytest.mark.parametrize("key", ["secrets", "authentications"])
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_what_is_declared(official: jsonschema_rs.Draft202012Validator, key: str, other: JsonValue) -> None:
    one = document({"set": {"a": 1}})
    one["use"] = {key: other}
    assert list(verdicts(official, iter([("", one)]))) == []


@needs_schema
@pytest.mark.parametrize("one", POLICIES)
@pytest.mark.parametrize("other", POLICIES)
def test_two_policies_at_once(official: jsonschema_rs.Draft202012Validator, one: str, other: str) -> None:
    both: JsonObject = POLICIES[one] | POLICIES[other]
    changed = [("endpoint", http_with(both)), ("use", document({"set": {"a": 1}}, {"other": both}))]
    assert list(verdicts(official, iter(changed))) == []


@needs_schema
@pytest.mark.parametrize("one", PROCESSES)
@pytest.mark.parametrize("other", PROCESSES)
def test_two_processes_at_once(official: jsonschema_rs.Draft202012Validator, one: str, other: str) -> None:
    changed = [("", document({"run": PROCESSES[one] | PROCESSES[other]}))]
    assert list(verdicts(official, iter(changed))) == []


@needs_schema
@pytest.mark.parametrize(
    "uri",
    [
        "https://x",
        "https://x/{a}/b?c={d}#e",
        "relative/path.json",
        "/absolute",
        "?query",
        "a b",
        " ",
        "https://x/a b",
        "https://x y/",
        "https://x/?a b",
        "https://x/#a b",
        "https://x/#a#b",
        " https://x",
        "https://x ",
        "urn:a:b",
        "a b:c",
        "//x",
        ":",
        "http:",
        "${ .uri }",
        "  ${ .uri }  ",
        "https://x/${.a}",
        "ünïcode",
    ],
)
@pytest.mark.parametrize("where", ["endpoint", "uri", "authority"])
def test_uris(official: jsonschema_rs.Draft202012Validator, uri: str, where: str) -> None:
    if where == "authority":
        one = http_with({"oauth2": {"authority": uri, "grant": "password"}})
    else:
        one = call("http", {"method": "get", "endpoint": uri if where == "endpoint" else {"uri": uri}})
    assert list(verdicts(official, iter([(uri, one)]))) == []
