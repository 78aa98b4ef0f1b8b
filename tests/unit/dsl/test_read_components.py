"""Workflows that are run, functions, catalogs and extensions in documents."""

from __future__ import annotations

import pytest

from pgworker.dsl.compile import compile_document
from pgworker.dsl.load import load
from pgworker.dsl.v1_0.names import Wanted
from pgworker.errors import DocumentError, Problem
from pgworker.expressions.templates import Literal
from pgworker.plan.nodes import ActivityNode, ChildNode, DoNode, FunctionNode, Return, SetNode
from pgworker.types import JsonValue
from tests.support.pure import HEADER, compiled, plan_of, problems_of

SET = "[{s: {set: {x: 1}}}]"


def only(text: str) -> Problem:
    """The one problem of a text."""
    (problem,) = problems_of(text)
    return problem


def child(run: str) -> ChildNode:
    """The node of a task that runs a workflow."""
    node = plan_of(f"do: [{{t: {{run: {run}}}}}]").nodes["/do/0/t"]
    assert isinstance(node, ChildNode)
    return node


def test_a_workflow_to_run() -> None:
    node = child("{workflow: {namespace: n, name: c}}")
    assert (node.namespace, node.child, node.version, node.input) == (
        Literal("n"),
        Literal("c"),
        None,
        Literal({}),
    )
    assert (node.waits, node.returns) == (True, Return.STDOUT)
    node = child(
        "{workflow: {namespace: n, name: c, version: 1.0.0-a, input: {a: 1}}, await: false, return: all}"
    )
    assert (node.version, node.input) == (Literal("1.0.0-a"), Literal({"a": 1}))
    assert (node.waits, node.returns) == (False, Return.ALL)


@pytest.mark.parametrize(
    ("run", "pointer", "message"),
    [
        ("5", "", "found the number 5"),
        ("{}", "", "`run` lacks a member"),
        ("{workflow: {namespace: n, name: c}, shell: {command: ls}}", "", "`shell`, `workflow`"),
        ("{workflow: c}", "/workflow", "found the text `c`"),
        ("{workflow: {name: c}}", "/workflow", "lacks `namespace`"),
        ("{workflow: {namespace: n}}", "/workflow", "lacks `name`"),
        ("{workflow: {namespace: n, name: 5}}", "/workflow/name", "found the number 5"),
        ("{workflow: {namespace: n, name: c, version: 1.0}}", "/workflow/version", "found the number 1"),
        ("{workflow: {namespace: n, name: c, inputs: 1}}", "/workflow/inputs", "has no `inputs`"),
        ("{workflow: {namespace: n, name: c, input: '${ .[ }'}}", "/workflow/input", ""),
        ("{workflow: {namespace: n, name: '${ $x }'}}", "/workflow/name", "$x"),
        ("{workflow: {namespace: n, name: c}, await: maybe}", "/await", "found the text `maybe`"),
        ("{workflow: {namespace: n, name: c}, return: stdin}", "/return", "found `stdin`"),
        ("{workflow: {namespace: n, name: c}, wait: true}", "/wait", "`run` has no `wait`"),
    ],
)
def test_a_run_is_refused_at_the_place_of_its_mistake(run: str, pointer: str, message: str) -> None:
    problem = only(f"do: [{{t: {{run: {run}}}}}]")
    assert problem.pointer == f"/do/0/t/run{pointer}"
    assert message in problem.message


def test_a_function_is_a_list_of_one_task_and_a_call_leads_to_it() -> None:
    plan = plan_of("use: {functions: {f: {do: [{a: {set: {x: 1}}}]}}}\ndo: [{t: {call: f, with: {a: 1}}}]")
    call = plan.nodes["/do/0/t"]
    assert isinstance(call, FunctionNode)
    assert call.arguments == Literal({"a": 1})
    assert call.body is plan.lists["/do/0/t/call"]
    assert (call.body.reference, call.body.first) == ("/use/functions/f", "f")
    assert isinstance(plan.nodes["/use/functions/f"], DoNode)
    assert isinstance(plan.nodes["/use/functions/f/do/0/a"], SetNode)


def test_functions_may_call_each_other_in_a_circle() -> None:
    plan = plan_of("use: {functions: {f: {call: g}, g: {call: f}}}\ndo: [{t: {call: f}}]")
    assert {"/use/functions/f", "/use/functions/g", "/do/0/t"} <= set(plan.nodes)


def test_a_protocol_goes_before_a_function_of_its_name() -> None:
    plan = plan_of(
        "use: {functions: {http: {set: {x: 1}}}}\n"
        "do: [{t: {call: http, with: {method: get, endpoint: 'http://x'}}}]"
    )
    assert isinstance(plan.nodes["/do/0/t"], ActivityNode)


@pytest.mark.parametrize(
    ("functions", "call", "pointer", "message"),
    [
        ("[]", "{set: {x: 1}}", "/use/functions", "found an array"),
        ("{f: 5}", "{call: f}", "/use/functions/f", "found the number 5"),
        ("{f: {st: 1}}", "{call: f}", "/use/functions/f", "`st` is not a kind of task"),
        ("{f: {set: {x: '${ $item }'}}}", "{call: f}", "/use/functions/f/set/x", "$item"),
        ("{f: {set: {x: 1}, then: g}}", "{call: f}", "/use/functions/f/then", "no task of the same list"),
        ("{fetch: {set: {x: 1}}}", "{call: fetsch}", "/do/0/t/call", "no protocol and no function"),
        ("{f: {set: {x: 1}}}", "{call: f, with: 5}", "/do/0/t/with", "found the number 5"),
        ("{f: {set: {x: 1}}}", "{call: f, with: {x: '${ .[ }'}}", "/do/0/t/with/x", ""),
        ("{f: {set: {x: 1}}}", "{call: f, wit: {}}", "/do/0/t/wit", "has no `wit`"),
        ("{f: {set: {x: 1}}}", "{call: 'f:1.0.0@nowhere'}", "/do/0/t/call", "no protocol and no function"),
        ("{f: {set: {x: 1}}}", "{call: 5}", "/do/0/t/call", "found the number 5"),
    ],
)
def test_functions_are_refused_at_the_place_of_their_mistake(
    functions: str, call: str, pointer: str, message: str
) -> None:
    problem = only(f"use: {{functions: {functions}}}\ndo: [{{t: {call}}}]")
    assert problem.pointer == pointer
    assert message in problem.message


def test_a_call_of_what_is_nearly_a_function_says_which() -> None:
    problem = only("use: {functions: {fetchOrder: {set: {x: 1}}}}\ndo: [{t: {call: fetchOrders}}]")
    assert problem.hint == 'did you mean "fetchOrder"?'


GREET = "https://shop.test/catalog/functions/greet/1.0.0/function.yaml"
CATALOG = (
    "use: {catalogs: {mine: {endpoint: 'https://shop.test/catalog/'}}}\ndo: [{t: {call: 'greet:1.0.0@mine'}}]"
)


@pytest.mark.parametrize(
    ("catalog", "call", "address"),
    [
        ("https://shop.test/catalog", "f:1.0@c", "https://shop.test/catalog/functions/f/1.0/function.yaml"),
        (
            "https://github.com/me/mine",
            "f:1.0@c",
            "https://raw.githubusercontent.com/me/mine/refs/heads/main/functions/f/1.0/function.yaml",
        ),
        (
            "https://github.com/me/mine/tree/dev/sub/",
            "f:1.0@c",
            "https://raw.githubusercontent.com/me/mine/refs/heads/dev/sub/functions/f/1.0/function.yaml",
        ),
        (
            "https://gitlab.com/me/mine/-/tree/dev",
            "f:1.0@c",
            "https://gitlab.com/me/mine/-/raw/dev/functions/f/1.0/function.yaml",
        ),
        (
            "https://shop.test",
            "f:1.0@default",
            "https://raw.githubusercontent.com/serverlessworkflow/catalog/refs/heads/main/functions/f/1.0/function.yaml",
        ),
        ("https://shop.test", "https://x.test/f.yaml", "https://x.test/f.yaml"),
        (
            "https://shop.test",
            "https://github.com/me/mine/blob/dev/f.yaml",
            "https://raw.githubusercontent.com/me/mine/refs/heads/dev/f.yaml",
        ),
        (
            "https://shop.test",
            "https://x.test/checks/email@v1.0.0",
            "https://x.test/checks/email/1.0.0/function.yaml",
        ),
        ("https://shop.test", "https://ada:pw@x.test/f.yaml", "https://ada:pw@x.test/f.yaml"),
        ("https://shop.test", "https://ada@x.test/f@2", "https://ada@x.test/f/2/function.yaml"),
    ],
)
def test_what_is_wanted_of_catalogs(catalog: str, call: str, address: str) -> None:
    found = compiled(f"use: {{catalogs: {{c: {{endpoint: '{catalog}'}}}}}}\ndo: [{{t: {{call: '{call}'}}}}]")
    assert [wanted.uri for wanted in found.wanted] == [address]


def test_a_catalog_s_authentication_goes_with_what_is_wanted() -> None:
    found = compiled(
        "use: {catalogs: {c: {endpoint: {uri: 'https://x.test', authentication: {bearer: {token: t}}}}}}\n"
        "do: [{t: {call: 'f:1@c'}}]"
    )
    (wanted,) = found.wanted
    assert wanted.authentication is not None


def test_a_function_that_was_loaded_is_compiled_at_the_call() -> None:
    document = load(HEADER + CATALOG, "sample.yaml")
    assert compile_document(document).wanted == (Wanted(GREET),)
    found = compile_document(document, {GREET: {"do": [{"a": {"set": {"x": 1}}}]}})
    assert found.wanted == ()
    assert isinstance(found.plan.nodes["/do/0/t/call/function/do/0/a"], SetNode)


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (5, "found the number 5"),
        ({"st": 1}, "`st` is not a kind of task"),
        ({"call": "other"}, "no protocol and no function"),
        ({"do": [{"a": {"set": {"x": "${ $item }"}}}]}, "$item"),
        (None, "found nothing"),
    ],
)
def test_a_function_of_a_catalog_that_is_wrong_is_told_at_the_call(loaded: JsonValue, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        compile_document(load(HEADER + CATALOG, "sample.yaml"), {GREET: loaded})
    (problem,) = caught.value.problems
    assert problem.pointer == "/do/0/t/call"
    assert GREET in problem.message
    assert message in problem.message


def test_a_function_of_a_catalog_that_calls_itself_comes_to_an_end() -> None:
    with pytest.raises(DocumentError) as caught:
        compile_document(load(HEADER + CATALOG, "sample.yaml"), {GREET: {"call": "greet:1.0.0@mine"}})
    assert "10 levels" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("catalogs", "pointer", "message"),
    [
        ("[]", "/use/catalogs", "found an array"),
        ("{c: 5}", "/use/catalogs/c", "found the number 5"),
        ("{c: {}}", "/use/catalogs/c", "the catalog lacks `endpoint`"),
        ("{c: {endpoint: 'https://x.test', name: x}}", "/use/catalogs/c/name", "a catalog has no `name`"),
        ("{c: {endpoint: 5}}", "/use/catalogs/c/endpoint", "found the number 5"),
    ],
)
def test_catalogs_are_refused_at_the_place_of_their_mistake(
    catalogs: str, pointer: str, message: str
) -> None:
    problem = only(f"use: {{catalogs: {catalogs}}}\ndo: {SET}")
    assert problem.pointer == pointer
    assert message in problem.message


def test_extensions_go_with_the_tasks_of_their_kind() -> None:
    plan = plan_of(
        f"""
use:
  extensions:
    - a: {{extend: all, before: {SET}}}
    - b: {{extend: set, when: .x, after: {SET}}}
    - c: {{extend: composite}}
do: [{{d: {{do: {SET}}}}}]
"""
    )
    assert [extension.name for extension in plan.nodes["/do/0/d"].extensions] == ["a", "c"]
    first, second = plan.nodes["/do/0/d/do/0/s"].extensions
    assert first.before is plan.lists["/use/extensions/0/a/before"]
    assert (first.condition, first.after, second.before) == (None, None, None)
    assert second.condition is not None
    assert plan.nodes["/use/extensions/0/a/before/0/s"].extensions == ()


@pytest.mark.parametrize(
    ("extensions", "pointer", "message"),
    [
        ("{}", "", "found an object"),
        ("[5]", "/0", "found the number 5"),
        ("[{a: 5}]", "/0/a", "found the number 5"),
        ("[{a: {before: []}}]", "/0/a", "lacks `extend`"),
        ("[{a: {extend: do}}]", "/0/a/extend", "found `do`"),
        ("[{a: {extend: fork}}]", "/0/a/extend", "found `fork`"),
        ("[{a: {extend: [set]}}]", "/0/a/extend", "found an array"),
        ("[{a: {extend: all, around: []}}]", "/0/a/around", "an extension has no `around`"),
        ("[{a: {extend: all, when: 5}}]", "/0/a/when", "found the number 5"),
        ("[{a: {extend: all, when: '.['}}]", "/0/a/when", ""),
        ("[{a: {extend: all, before: {}}}]", "/0/a/before", "found an object"),
        ("[{a: {extend: all, after: [{s: {st: 1}}]}}]", "/0/a/after/0/s", "`st` is not a kind"),
        ("[{a: {extend: all, after: [{s: {set: {x: '${ $item }'}}}]}}]", "/0/a/after/0/s/set/x", "$item"),
        ("[{a: {extend: all}, b: {extend: all}}]", "/0", "an object with 2 members"),
    ],
)
def test_extensions_are_refused_at_the_place_of_their_mistake(
    extensions: str, pointer: str, message: str
) -> None:
    problem = only(f"use: {{extensions: {extensions}}}\ndo: {SET}")
    assert problem.pointer == f"/use/extensions{pointer}"
    assert message in problem.message
