"""The language's official schema and the compiler agree on what is a document.

Well-made documents are changed: all of their calls, processes and policies in one place at a time, and
everything about all of them at random. What one refuses the other has to refuse too, but for what
``tests.support.official`` lists and for what breaks a ``Rule`` that no schema can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings

from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.errors import Rule
from pgworker.types import JsonObject, JsonValue
from tests.support.calls import CALLS, POLICIES, PROCESSES, call, document, http_with
from tests.support.everything import EVERYTHING
from tests.support.mutations import Mutations, at, places, replaced, without
from tests.support.official import EXAMPLES, amended, disagreement, needs_schema
from tests.support.pure import problems_of

OTHERS: list[JsonValue] = [None, True, 7, -1, "", "text", "${ .a }", [], [1], ["a"], {}, {"a": 1}, {"a": "b"}]

ORIGINALS: list[JsonObject] = [
    *(load(path.read_bytes()).value for path in EXAMPLES),
    *EVERYTHING * 10,
    *(call(*one) for one in CALLS.values()),
    *(document({"run": one}) for one in PROCESSES.values()),
    *(http_with(one) for one in POLICIES.values()),
]
MUTATIONS = Mutations(ORIGINALS)


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft202012Validator:
    return amended()


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


def verdicts(
    official: jsonschema_rs.Draft202012Validator, changed: Iterator[tuple[str, JsonObject]]
) -> Iterator[tuple[str, str]]:
    """Where schema and compiler disagree, and how."""
    for name, one in changed:
        found = disagreement(official, one)
        if found is not None:
            yield name, found


@needs_schema
@pytest.mark.parametrize("one", ORIGINALS, ids=lambda one: str(one["document"]["name"]))
def test_what_is_well_made_is_so_for_both(
    official: jsonschema_rs.Draft202012Validator, one: JsonObject
) -> None:
    assert official.is_valid(one)
    assert [p for p in problems_of(Document.from_value(one)) if p.rule is not Rule.RUNNABLE] == []


@needs_schema
@settings(max_examples=2500, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(one=MUTATIONS.documents())
def test_one_change(official: jsonschema_rs.Draft202012Validator, one: JsonObject) -> None:
    assert disagreement(official, one) is None


@needs_schema
@settings(max_examples=1000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(one=MUTATIONS.documents(most=4))
def test_some_changes(official: jsonschema_rs.Draft202012Validator, one: JsonObject) -> None:
    assert disagreement(official, one) is None


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
